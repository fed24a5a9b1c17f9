"""The agent's translation into JAX: the only place of the package that imports jax."""
