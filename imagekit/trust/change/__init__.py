"""Change records: what a bank's change system says of the change that a digest goes out with."""
