"""What is installed, what works, what to do about the rest: of this package (`examine`), and of a real arm
(`examine_robot`).
"""
