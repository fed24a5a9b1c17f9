"""The wire between actors and learner: delivered at least once, stored once, without blocking the actor."""
