"""What the work folder knows of the machines that it made: who they are, and the proof that they are its own.

One folder a machine, `fleet/machines/NAME` of the work folder: its disk, its seed, its console, and `machine.json`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from imagekit.base.errors import RefusedError, ToolError
from imagekit.base.filelock import try_lock
from imagekit.base.files import write_whole
from imagekit.config.model import Frozen

_RECORD = "machine.json"
_GOING = ".going"


class KeptMachineError(ToolError):
    """What is known of a machine cannot be read; nothing is done to it then."""


class ApplyBusyError(RefusedError):
    """Another process changes the machines of this work folder."""


class Kept(Frozen):
    """A machine that was made here. `complete` says that its disk and seed are whole and that libvirt knew it."""

    version: Literal[1] = 1
    name: str
    node: str
    cluster: str = ""
    reference: str = Field(description="OCI image by digest")
    checksum: str = Field(description="SHA-256 of the disk that it was made from")
    uuid: str
    token: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(repr=False)
    made_of: str
    port: int = Field(0, ge=0, le=65535, description="port of 127.0.0.1 that leads to its SSH server, if any")
    address: str = ""
    network: str = ""
    host_key: str = Field("", description="public, in OpenSSH's form")
    complete: bool = False

    @property
    def place(self) -> tuple[str, int]:
        """Where its SSH server is: host and port; an empty host where nothing tells."""
        return ("127.0.0.1", self.port) if self.port else (self.address, 22)

    @property
    def known_host(self) -> str:
        """Its line of known_hosts (sshd(8)); empty where its address is not known."""
        host, port = self.place
        if not host:
            return ""
        return f"{host if port == 22 else f'[{host}]:{port}'} {self.host_key}\n"


def _holds(folder: Path) -> bool:
    """Whether anything is in a machine's folder; whoever was killed before its record was written left nothing."""
    return any(not path.name.startswith(f".{_RECORD}.") for path in folder.iterdir())


@dataclass(frozen=True, slots=True)
class Store:
    """The machines of a work folder."""

    root: Path

    @property
    def disks(self) -> Path:
        """Where the disks that machines stand on are, by their SHA-256."""
        return self.root / "disks"

    @property
    def known_hosts(self) -> Path:
        """The host keys of all machines, as ssh reads them."""
        return self.root / "known_hosts"

    def folder(self, name: str) -> Path:
        """Where the files of a machine are."""
        return self.root / "machines" / name

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else changes the machines meanwhile; raises `ApplyBusyError`."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as stream:
            if not try_lock(stream):
                raise ApplyBusyError(
                    "another `imagekit provision apply` is at work on these machines", hint="Wait until it has ended."
                )
            yield

    def machines(self) -> dict[str, Kept]:
        """Every machine by its name. Raises `KeptMachineError`: what cannot be read is neither kept nor removed."""
        folders = sorted((self.root / "machines").glob("*"))
        return {path.name: self._read(path) for path in folders if not path.name.startswith(".") and _holds(path)}

    def _read(self, folder: Path) -> Kept:
        path = folder / _RECORD
        try:
            found = Kept.model_validate_json(path.read_bytes())
        except (OSError, ValidationError, ValueError) as error:
            why = str(error).splitlines()[0]
            raise KeptMachineError(
                f"{path} cannot be read: {why}",
                hint=f"Put it back from a copy; or end the machine {folder.name} by hand and remove the folder.",
            ) from None
        if found.name != folder.name:
            raise KeptMachineError(f"{path} is about {found.name[:80]!r}", hint="Somebody moved the folder.")
        return found

    def write(self, kept: Kept) -> None:
        """Keep a machine's record; only the owner of the work folder can read it."""
        folder = self.folder(kept.name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(folder / _RECORD, json.dumps(kept.model_dump(mode="json"), indent=1) + "\n").chmod(0o600)

    def remove(self, name: str) -> None:
        """Remove a machine's files; under another name first, so that half of them is never taken for a machine."""
        folder = self.folder(name)
        if not folder.is_dir():
            return
        going = folder.with_name(f".{name}{_GOING}")
        shutil.rmtree(going, ignore_errors=True)
        folder.rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def write_known_hosts(self, machines: Mapping[str, Kept]) -> None:
        """Write the host keys of all machines."""
        write_whole(self.known_hosts, "".join(machines[name].known_host for name in sorted(machines)))

    def drop_disks(self, machines: Mapping[str, Kept]) -> list[str]:
        """Remove the disks that no machine stands on; they can be fetched again."""
        used = {each.checksum for each in machines.values()}
        gone = [path for path in sorted(self.disks.glob("*.qcow2")) if path.stem not in used]
        for path in gone:
            path.unlink()
            path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
        return [path.name for path in gone]
