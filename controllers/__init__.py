"""The arm, fast: everything that may turn into a torque. No learning, no images.

`controllers.law.tick.tick` is the only door: reference -> law -> guards. It is compiled, pure apart from the memory it is
handed, allocates nothing and never raises. Simulator, drivers and the ROS 2 node all run this same tick.
"""
