"""A page to listen to: every family of the foley model with three seeds, and scenes with their picture."""
