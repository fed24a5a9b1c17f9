"""Deadlines, and what a process can ask of the kernel to keep them."""
