"""The wire between actors and learner: delivery at least once, stored once, and never in the actor's way."""
