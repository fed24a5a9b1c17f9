"""Checks of this package's installation (`examine`), and of a real arm
(`examine_robot`).
"""
