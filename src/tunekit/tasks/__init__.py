"""The tasks: what a row means, independent of who trains on it."""
