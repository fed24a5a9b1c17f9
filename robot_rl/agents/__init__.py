"""The agent: one definition (names, shapes, init, schema hash) and its translations."""
