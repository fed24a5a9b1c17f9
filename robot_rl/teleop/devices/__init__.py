"""Input devices behind one protocol."""
