"""Lifecycle scenarios: stories of a node that is installed, upgraded, broken, rolled back and reset."""
