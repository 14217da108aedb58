"""Build: a plan through BuildKit to an OCI layout, and the proof that what was declared is in it."""
