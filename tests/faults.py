"""Number of faults of each kind that tests make at random moments: 5, or `ROBOT_RL_FAULTS`."""

import os

FAULTS = int(os.environ.get("ROBOT_RL_FAULTS", "5"))
