"""Learner side: updates, update ratio, checkpoints, metrics."""
