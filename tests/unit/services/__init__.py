"""Tests of imagekit.services."""
