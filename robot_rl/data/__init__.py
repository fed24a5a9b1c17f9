"""Storage of steps: the replay in memory and episodes on disk."""
