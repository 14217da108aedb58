#!/usr/bin/env python3
"""Bytecode of the image's own Python that stays valid: run by finish-layer.sh with the python3 of the image.

Python keeps what it compiled by the time of the source, which differs from build to build and is changed again where
the image is written out. On a read-only root nothing is kept anew, so that every start would compile all it imports:
`import ssl` takes 1.2 s on an emulated node so, and 0.3 s with what is written here. Bytecode that goes by the hash of
its source, and is not held against it at run time (PEP 552), has no time in it. It is written for the modules of the
standard library and of packages; what else is compiled is removed. A source whose bytecode is of it already is left
alone, so that a layer gets that of its own files and of no other's. Needs Python 3.7, of Debian's the minimal one.
"""

import importlib.util
import os
import py_compile
import site
import sys
import sysconfig
from pathlib import Path

UNCHECKED = (1).to_bytes(4, "little")  # the flags, the second word of a .pyc
SEARCHED = ("/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib")


def searched_by_import():
    """The folders of the standard library and of packages."""
    paths = sysconfig.get_paths()
    return {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")} | set(site.getsitepackages())


def modules(roots):
    """Every source file in these folders, in an order of its own."""
    return sorted({path for root in roots for path in Path(os.path.realpath(root)).rglob("*.py") if path.is_file()})


def valid(source, compiled):
    """Whether this bytecode is of that source, and is not held against its time."""
    if not compiled.is_file():
        return False
    head = compiled.read_bytes()[:16]
    return head == importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source.read_bytes())


def compile_modules(roots):
    """Write what is missing; returns every file of bytecode that belongs to a source."""
    kept = set()
    for source in modules(roots):
        compiled = Path(importlib.util.cache_from_source(str(source)))
        if not valid(source, compiled):
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            try:
                py_compile.compile(str(source), cfile=str(compiled), doraise=True, invalidation_mode=mode)
            except py_compile.PyCompileError:
                continue  # a template, or of another Python: nothing imports it
        kept.add(compiled)
    return kept


def remove_others(roots, kept):
    """Take away what was compiled by time, or is of no source any more."""
    for root in roots:
        for folder in sorted(Path(os.path.realpath(root)).rglob("__pycache__")):
            for path in set(folder.iterdir()) - kept:
                path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    remove_others(SEARCHED, compile_modules(searched_by_import()))
