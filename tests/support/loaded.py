"""What commands of imagekit import when they run; imported by the process that `tests.support.program` forks alone."""

from __future__ import annotations

import importlib
import pkgutil

for _package in ("cli", "app", "config", "plan", "registry", "release", "report", "trust"):
    _found = importlib.import_module(f"imagekit.{_package}")
    for _module in pkgutil.walk_packages(_found.__path__, f"imagekit.{_package}."):
        importlib.import_module(_module.name)
