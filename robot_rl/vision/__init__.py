"""Image encoders: architecture, the simulator's encoder and its training."""
