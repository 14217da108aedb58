"""Tests of imagekit.doctor."""
