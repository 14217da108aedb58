"""Disks: an image's layers as one root file system, and what a machine boots from."""
