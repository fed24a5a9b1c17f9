"""The agent in PyTorch."""
