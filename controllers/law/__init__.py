"""The control law: one tick from target to torque, compiled, without allocation or exceptions."""
