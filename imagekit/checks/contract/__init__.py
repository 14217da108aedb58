"""The node contract as checks: facts are collected from any image and any node, then judged by tests/conformance."""
