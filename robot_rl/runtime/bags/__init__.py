"""Bags of raw ROS topics as episodes."""
