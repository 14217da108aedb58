"""A company's archive of Debian packages, signed by a key of its own, on loopback: packages that were repacked."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base.process import run

_UID = "Example archive <archive@example.org>"
_ENV = {"SOURCE_DATE_EPOCH": "1735689600"}


@dataclass
class SignedArchive:
    """An archive below `root`; `home` holds the secret key and nothing else."""

    root: Path
    home: Path
    suite: str = "stable"
    stanzas: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(mode=0o700, parents=True)
        self._gpg("--passphrase", "", "--quick-generate-key", _UID, "ed25519", "sign", "never")

    @property
    def key(self) -> str:
        """The public key, ASCII-armoured."""
        return self._gpg("--armor", "--export", _UID)

    def put(self, deb: Path) -> None:
        """A package into the pool; what is there under its name goes."""
        name = run(["dpkg-deb", "--field", deb, "Package"], timeout=60).stdout.strip()
        source = run(["dpkg-deb", "--field", deb, "Source"], timeout=60).stdout.split() or [name]
        pool = self.root / "pool/main" / source[0][0] / source[0]
        pool.mkdir(parents=True, exist_ok=True)
        target = pool / deb.name
        shutil.copy(deb, target)
        control = run(["dpkg-deb", "--field", target], timeout=60).stdout.strip()
        self.stanzas[name] = (
            f"{control}\nFilename: {target.relative_to(self.root)}\nSize: {target.stat().st_size}\n"
            f"SHA256: {hashlib.sha256(target.read_bytes()).hexdigest()}\n"
        )

    def publish(self, *, cut: bool = False) -> None:
        """The lists, signed; `cut`: the list of packages ends in the middle, as in a mirror that is being updated."""
        folder = self.root / "dists" / self.suite
        packages = folder / "main/binary-amd64/Packages"
        packages.parent.mkdir(parents=True, exist_ok=True)
        listing = "\n".join(text for _, text in sorted(self.stanzas.items())).encode()
        packages.write_bytes(listing[: len(listing) // 2] if cut else listing)
        release = folder / "Release"
        release.write_text(
            f"Origin: Example\nLabel: Example\nSuite: {self.suite}\nCodename: {self.suite}\nComponents: main\n"
            "Architectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
            f" {hashlib.sha256(listing).hexdigest()} {len(listing)} main/binary-amd64/Packages\n"
        )
        self._gpg("--yes", "--clearsign", "--output", str(folder / "InRelease"), str(release))

    def _gpg(self, *words: str) -> str:
        return run(["gpg", "--homedir", self.home, "--batch", "--pinentry-mode=loopback", *words], timeout=60).stdout


@contextmanager
def signed_archive(folder: Path, suite: str = "stable") -> Iterator[SignedArchive]:
    """An empty one; gpg's agent, which its key makes, ends with the block."""
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:  # a short path: the agent's socket is in there
        try:
            yield SignedArchive(folder, Path(home) / "home", suite)
        finally:
            run(["gpgconf", "--homedir", Path(home) / "home", "--kill", "gpg-agent"], timeout=20)


def repacked(deb: Path, into: Path, suffix: str, files: Mapping[str, str | Path] | None = None) -> Path:
    """The same package with a higher version, and more files in it: their text, or what a link points at.

    `DEBIAN/postinst` and its like are scripts that dpkg runs.
    """
    name = run(["dpkg-deb", "--field", deb, "Package"], timeout=60).stdout.strip()
    into.mkdir(parents=True, exist_ok=True)
    root = into / name
    run(["dpkg-deb", "--raw-extract", deb, root], timeout=60)
    control = root / "DEBIAN/control"
    lines = control.read_text().splitlines()
    version = next(line.removeprefix("Version: ") for line in lines if line.startswith("Version: ")) + suffix
    source = next((line for line in lines if line.startswith("Source: ")), f"Source: {name}").split(" (")[0]
    kept = [line for line in lines if not line.startswith(("Version: ", "Source: "))]
    control.write_text("\n".join([kept[0], source, f"Version: {version}", *kept[1:]]) + "\n")
    for path, text in (files or {}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, Path):
            (root / path).symlink_to(text)
        else:
            (root / path).write_text(text)
            (root / path).chmod(0o755 if path.startswith("DEBIAN/") else 0o644)
    arch = next(line.removeprefix("Architecture: ") for line in lines if line.startswith("Architecture: "))
    target = into / f"{name}_{version.rpartition(':')[2]}_{arch}.deb"
    run(["dpkg-deb", "-Zzstd", "-z1", "--root-owner-group", "--build", root, target], timeout=120, env=_ENV)
    shutil.rmtree(root)
    return target


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[str]:
    """The folder over HTTP on loopback; its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Nothing."""
