"""Demonstrations as a LeRobotDataset, version 3.0."""
