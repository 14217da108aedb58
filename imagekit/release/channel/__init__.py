"""Channels: which digest each one points at, and every way that may change: promote, rollback, yank, retire."""
