"""Imports go one way: a package knows only the packages before it, root modules know only one another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import imagekit

ROOT = Path(imagekit.__file__).parent
ORDER = (
    "base",
    "services",
    "config",
    "plan",
    "oci",
    "build",
    "registry",
    "artifact",
    "inventory",
    "cve",
    "machine",
    "checks",
    "trust",
    "fleet",
    "release",
    "kube",
