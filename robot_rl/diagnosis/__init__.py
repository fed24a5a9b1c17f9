"""Causes of a run that does not learn, measured from its files."""
