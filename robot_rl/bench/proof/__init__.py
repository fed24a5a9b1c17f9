"""Bounds of the control law checked over random inputs."""
