"""Where steps are kept: the replay in memory, the journal and the episodes on disk."""
