"""The first call of a compiled function takes seconds, the next ones microseconds: no deadline for one example."""

from hypothesis import settings

settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
