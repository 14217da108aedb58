"""Packages as locked inputs: resolved by the distribution's own tools, kept by checksum, a repository for builds."""
