"""Integration tests of imagekit.services."""
