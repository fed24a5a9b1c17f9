"""What one tick does between a target and a torque. All of it is compiled, allocates nothing and never raises."""
