"""Run folder, reports, plots, videos, metrics and the supervisor of a run's processes."""
