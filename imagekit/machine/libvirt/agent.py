"""The guest agent of a running machine, asked through libvirt as a platform would ask it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt.connection import connection


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestAgent:
    """The line to the guest agent of a domain, by libvirt's address and the domain's name."""

    uri: str
    domain: str

    def ask(self, command: str, *, seconds: int = 20) -> Any:
        """What the agent returns to a command without arguments, such as ``guest-info``.

        The commands are those of https://www.qemu.org/docs/master/interop/qemu-ga-ref.html. Raises `HypervisorError`
        when no agent answers in time, or it refuses.
        """
        import libvirt
        import libvirt_qemu

        with connection(self.uri) as opened:
            try:
                domain = opened.lookupByName(self.domain)
                text = libvirt_qemu.qemuAgentCommand(domain, json.dumps({"execute": command}), seconds, 0)
            except libvirt.libvirtError as error:
                raise HypervisorError(
                    f"the guest agent of {self.domain} did not answer {command}: {error}",
                    hint="docs/runbook/guest-agent.md has the causes.",
                ) from None
        return json.loads(text)["return"]
