"""Release archives of SPIRE and Kata as a mirror has them, with a marker in the place of each program.

For tests alone: they prove how an optional layer takes, checks, places and runs what a release has, and not the
programs. The markers have the options and the words that the layers and their checks use (SPIRE 1.15, Kata 4.1).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import zstandard

from imagekit.config.model import Arch

MIRRORS = ("https://github.com/spiffe/", "https://github.com/kata-containers/")
_AGENT = r"""#!/usr/bin/perl
# A marker of imagekit's tests in the place of SPIRE's agent; it gives nobody an identity.
use strict; use warnings; use Socket;
$| = 1;
my ($verb, %option) = @ARGV;
if ($verb eq "--version") { print "VERSION\n"; exit }
sub configured {
    open(my $file, "<", $option{"-config"}) or die "could not open $option{'-config'}: $!\n";
    local $/; my $text = <$file>;
    for my $key (qw(trust_domain server_address server_port trust_bundle_path)) {
        die "$key must be configured\n" unless $text =~ /^\s*$key\s*=/m;
    }
    die "plugins section must be configured\n" unless $text =~ /^plugins \{/m;
    return $text =~ /^\s*socket_path\s*=\s*"(.+)"/m ? $1 : die "socket_path must be configured\n";
}
if ($verb eq "validate") { configured(); print "SPIRE agent configuration file is valid.\n"; exit }
my $path = $verb eq "healthcheck" ? $option{"-socketPath"} : configured();
socket(my $socket, PF_UNIX, SOCK_STREAM, 0) or die "$!\n";
if ($verb eq "healthcheck") {
    connect($socket, sockaddr_un($path)) or do { print STDERR "Agent is unhealthy: $!\n"; exit 1 };
    print "Agent is healthy.\n"; exit;
}
die "unknown command\n" unless $verb eq "run";
if (my $token = $option{"-joinTokenFile"}) {
    open(my $file, "<", $token) or die "unable to read join token file $token\n";
    die "join token file is empty\n" unless length(<$file> // "");
    print "attested by a join token\n";
}
unlink $path; bind($socket, sockaddr_un($path)) or die "$!\n";
chmod 0777, $path; listen($socket, 5);
$SIG{TERM} = sub { unlink $path; exit 0 };
my $caller;
while (1) { accept($caller, $socket) and close $caller }
"""
_SHIM = """#!/bin/sh
# A marker of imagekit's tests in the place of Kata's shim; it runs no pod.
[ "$1" != --version ] || echo "containerd shim (Rust): id: io.containerd.kata.v2, version: VERSION"
"""
_CONFIG = """[hypervisor.qemu]
path = "/opt/kata/bin/qemu-system-x86_64"
kernel = "/opt/kata/share/kata-containers/vmlinux.container"
image = "/opt/kata/share/kata-containers/kata-containers.img"
"""


def spire_archive(version: str) -> bytes:
    """A release of SPIRE, as .tar.gz."""
    top = f"spire-{version}"
    files = {f"{top}/bin/spire-agent": _AGENT.replace("VERSION", version), f"{top}/bin/spire-server": "#!/bin/sh\n"}
    return gzip.compress(_tar({**files, f"{top}/LICENSE": "marker\n"}), mtime=0)


def kata_archive(version: str) -> bytes:
    """A release of Kata, as .tar.zst."""
    share = "./opt/kata/share"
    files = {
        "./opt/kata/runtime-rs/bin/containerd-shim-kata-v2": _SHIM.replace("VERSION", version),
        "./opt/kata/bin/qemu-system-x86_64": "#!/bin/sh\n",
        f"{share}/defaults/kata-containers/runtime-rs/configuration-qemu-runtime-rs.toml": _CONFIG,
        f"{share}/kata-containers/vmlinux.container": "marker\n",
        f"{share}/kata-containers/kata-containers.img": "marker\n",
    }
    return zstandard.ZstdCompressor().compress(_tar(files))


def _tar(files: Mapping[str, str]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755 if "/bin/" in name else 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return whole.getvalue()


def fill_mirror(folder: Path, spire: str, kata: str) -> dict[str, str]:
    """A mirror of both releases below a folder; returns `mirrors` of imagekit.yaml."""
    of_spire = folder / f"spire/releases/download/v{spire}"
    of_kata = folder / f"kata-containers/releases/download/{kata}"
    of_spire.mkdir(parents=True)
    of_kata.mkdir(parents=True)
    sums = []
    for arch in Arch:
        stem = f"spire-{spire}-linux-{arch}-musl"
        listed = _put(of_spire / f"{stem}.tar.gz", spire_archive(spire))
        (of_spire / f"{stem}_sha256sum.txt").write_text(listed)
        sums.append(_put(of_kata / f"kata-static-{kata}-{arch}.tar.zst", kata_archive(kata)))
    (of_kata / "sha256sums.txt").write_text("".join(sums))
    return dict.fromkeys(MIRRORS, f"file://{folder}/")


def _put(path: Path, data: bytes) -> str:
    """Write a file; returns its line as sha256sum(1) writes it."""
    path.write_bytes(data)
    return f"{hashlib.sha256(data).hexdigest()}  {path.name}\n"
