"""Where the reward comes from: ground truth, a human's labels, interventions; combined by name and priority."""
