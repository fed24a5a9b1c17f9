"""The human in the loop: input devices, scripted humans, and the arbiter that says who is in charge of a step."""
