"""The operator's web page: a view of the program that acts, and an input device; a process of its own serves it."""
