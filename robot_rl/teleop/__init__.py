"""Human in the loop: input devices, scripted operators, and the arbiter between human and policy."""
