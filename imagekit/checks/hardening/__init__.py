"""A hardening profile of a server node, as controls that each judge what a node says of itself."""
