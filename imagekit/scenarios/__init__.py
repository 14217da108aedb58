"""Lifecycle scenarios: scripts for a node that is installed, upgraded, broken, rolled back and reset."""
