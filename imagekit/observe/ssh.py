"""Nodes asked by SSH, without anything installed on them: one command, host key known beforehand, one key offered."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import ProcessError, run
from imagekit.base.text import one_line
from imagekit.machine.interface import SshTarget
from imagekit.machine.ssh import ssh_config
from imagekit.observe.model import Observation, Source, digest_in, word
from imagekit.provision.names import STAMP

_SECONDS = 90.0  # for one node, connection included
_MOST = 64 << 10  # bytes of one node's answer
_AT_ONCE = 8
_MODES = "/run/cos"
# Each answer stands between its name and the next one; a file that is missing leaves it empty.
ASK = (
    f"for f in /etc/kairos-release {STAMP} /proc/sys/kernel/random/boot_id /etc/machine-id /proc/uptime; do "
    f'echo "--- $f"; head -c 8192 "$f" 2>/dev/null; echo; done; echo "--- {_MODES}"; ls {_MODES} 2>/dev/null; true'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """As whom to log in, with which key, and which host keys are known."""

    user: str
    key: Path
    known_hosts: Path

    def require_files(self) -> None:
        """Raise `ConfigError` when a file of it is missing."""
        for path, what in ((self.key, "key"), (self.known_hosts, "known host keys")):
            if not path.is_file():
                raise ConfigError(
                    f"{path}: no file of {what}", hint="Host keys are never learnt while observing: list them there."
                )


@dataclass(frozen=True, slots=True)
class Place:
    """A node and where its SSH server is."""

    node: str
    host: str
    port: int = 22


@dataclass(frozen=True, slots=True)
class Silent:
    """A node that could not be asked, and why: that is no observation."""

    node: str
    reason: str


def observe_nodes(places: Sequence[Place], login: Login, *, at: int, observer: str) -> Iterator[Observation | Silent]:
    """Ask nodes, some at a time; whoever does not answer comes as `Silent`."""
    login.require_files()
    with tempfile.TemporaryDirectory(prefix="imagekit-observe-") as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        tasks = [
            pool.submit(_asked, Path(folder, str(number)), place, login, at, observer)
            for number, place in enumerate(places)
        ]
        for task in tasks:
            yield task.result()


def _asked(folder: Path, place: Place, login: Login, at: int, observer: str) -> Observation | Silent:
    folder.mkdir()
    # As known_hosts has it: the name alone for port 22, else in brackets with the port (sshd(8)).
    alias = place.host if place.port == 22 else f"[{place.host}]:{place.port}"
    target = SshTarget(
        host=place.host,
        port=place.port,
        user=login.user,
        key=login.key.resolve(),
        known_hosts=login.known_hosts.resolve(),
        config=folder / "ssh_config",
        alias=alias,
    )
    try:
        target.config.write_text(ssh_config(target, folder / "control"))
        done = run(["ssh", "-F", target.config, "--", alias, ASK], timeout=_SECONDS, most=_MOST)
    except ProcessError as error:
        return Silent(place.node, _last_words(error))
    except ToolError as error:
        return Silent(place.node, one_line(str(error).partition(":")[0], 300))
    return observation_of(done.stdout, place, at=at, observer=observer)


def _last_words(error: ProcessError) -> str:
    """What ssh said at last; before it may stand a page of warnings."""
    lines = [line for line in error.stderr.splitlines() if line.strip()]
    return one_line(" ".join(lines[-2:]) or f"ssh ended with status {error.returncode}", 300)


def observation_of(text: str, place: Place, *, at: int, observer: str) -> Observation:
    """What a node answered, as an observation; whatever is missing is left empty."""
    parts = _parts(text)
    release = dict(line.split("=", 1) for line in parts.get("/etc/kairos-release", "").splitlines() if "=" in line)
    uptime = parts.get("/proc/uptime", "").split(" ")[0].partition(".")[0]
    modes = [name.removesuffix("_mode") for name in parts.get(_MODES, "").split() if name.endswith("_mode")]
    return Observation(
        node=place.node,
        at=at,
        source=Source.SSH,
        where=f"{place.host}:{place.port}",
        observer=word(observer),
        digest=digest_in(parts.get(STAMP, "")),
        version=word(release.get("KAIROS_VERSION", "").strip().strip("\"'")),
        boot=word(parts.get("/proc/sys/kernel/random/boot_id", "")),
        machine=word(parts.get("/etc/machine-id", "")),
        booted=max(0, at - int(uptime)) if uptime.isascii() and uptime.isdecimal() and len(uptime) < 12 else 0,
        mode=word(",".join(modes)),
        system=word(release.get("KAIROS_NAME", release.get("KAIROS_ID", "")).strip().strip("\"'")),
    )


def _parts(text: str) -> dict[str, str]:
    """Each answer by its name; of a name that stands twice the first, for a file may hold such a line."""
    found: dict[str, str] = {}
    for part in f"\n{text}".split("\n--- ")[1:]:
        name, _, rest = part.partition("\n")
        found.setdefault(name, rest.strip())
    return found
