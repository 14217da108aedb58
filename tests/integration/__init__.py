"""Tests that need daemons or tools; each says which by its marker."""
