"""Control process: the loop at its rate, shared memory, timing, CPU shielding."""
