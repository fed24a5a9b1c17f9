"""Reward sources: ground truth, a human's labels, interventions; combined by name and priority."""
