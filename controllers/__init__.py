"""Control of the arm: everything that may turn into a torque. No learning, no images.

`controllers.law.tick.tick` is the entry point: reference -> law -> guards. It is compiled, pure apart from its state
record, allocates nothing and never raises. Simulator, drivers and the ROS 2 node all run this same tick.
"""
