"""Load: the project's settings, its modules from the bytes that are hashed, its config, its recipes."""
