"""The fleet: which nodes exist, where they are, and which digest each is meant to run."""
