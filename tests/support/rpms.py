"""Small RPM packages and a repository of them, made by the real rpmbuild and createrepo_c."""

from __future__ import annotations

import shutil
from pathlib import Path

from imagekit.base.process import run

TOOLS = ("dnf", "rpm", "rpmbuild", "createrepo_c")
_SPEC = """\
Name: {name}
Version: {version}
Release: 1.el9
Summary: test
License: none
BuildArch: noarch
{requires}
%description
test
%install
mkdir -p %{{buildroot}}/usr/share/{name}
echo {version} >%{{buildroot}}/usr/share/{name}/version
%files
/usr/share/{name}/version
"""


def lacking() -> str:
    """The tools that are not here, in words; empty when all are."""
    missing = [name for name in TOOLS if shutil.which(name) is None]
    return f"needs {', '.join(missing)}: apt-get install dnf dnf-plugins-core createrepo-c rpm" if missing else ""


def rpm(folder: Path, name: str, version: str, *, requires: str = "") -> Path:
    """One package with one file, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    top = folder.parent / "rpmbuild"
    spec = top / f"{name}-{version}.spec"
    top.mkdir(exist_ok=True)
    spec.write_text(_SPEC.format(name=name, version=version, requires=f"Requires: {requires}" if requires else ""))
    defines = {"_topdir": top, "_rpmdir": folder, "_rpmfilename": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm"}
    argv = ["rpmbuild", "-bb", "--quiet", *(f"--define={key} {value}" for key, value in defines.items()), str(spec)]
    run(argv, timeout=60)
    return folder / f"{name}-{version}-1.el9.noarch.rpm"


def index(folder: Path) -> Path:
    """Make a folder of packages a repository."""
    run(["createrepo_c", "--quiet", folder], timeout=60)
    return folder
