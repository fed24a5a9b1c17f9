"""Robots and cameras: the two protocols and their implementations."""
