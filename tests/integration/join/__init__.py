"""Nodes that join a cluster."""
