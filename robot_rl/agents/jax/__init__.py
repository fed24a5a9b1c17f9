"""JAX backend of the agent."""
