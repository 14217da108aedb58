"""K14: an order to restart or to go off is given whatever inhibits it, and its answer is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import Completed
from imagekit.machine import ssh
from imagekit.machine.console import Console
from imagekit.machine.errors import BootFailedError, ConnectionLostError
from imagekit.machine.interface import SshTarget
from imagekit.machine.machine import NodeMachine

REFUSED = "Call to Reboot failed: Access denied"


@pytest.fixture
def machine(tmp_path: Path) -> NodeMachine:
    """A machine that nothing is behind."""
    here = tmp_path / "none"
    target = SshTarget(
        host="127.0.0.1", port=1, user="kairos", key=here, known_hosts=here, config=here, alias=ssh.ALIAS
    )
    return NodeMachine(
        name="node", target=target, record=None, console=Console(here, ()), watch=lambda: None, runs=lambda: True
    )


def systemd(command: str, *, inhibited: bool = True) -> Completed:
    """What systemctl says of systemd 257 while somebody inhibits a shutdown: seen, also with --check-inhibitors=no."""
    given = command.split()
    assert given[0] == "systemctl"
    asks_logind = "start" not in given
    if inhibited and asks_logind:
        return Completed(argv=("ssh",), returncode=1, stdout="", stderr=REFUSED + "\n")
    return Completed(argv=("ssh",), returncode=0, stdout="", stderr="")


@pytest.mark.parametrize("verb", ["reboot", "poweroff"])
def test_an_order_is_taken_while_an_inhibitor_is_held(
    machine: NodeMachine, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    given: list[str] = []

    def run(_: SshTarget, command: str, *, timeout: float) -> Completed:
        given.append(command)
        return systemd(command)

    monkeypatch.setattr(ssh, "run_as_root", run)
    machine.order(verb)
    assert given[0].split()[-1] == f"{verb}.target"


def test_an_order_that_is_refused_is_an_error_with_the_answer(
    machine: NodeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "run_as_root", lambda *_, **__: systemd("systemctl reboot -i"))
    with pytest.raises(BootFailedError, match="did not take the order") as caught:
        machine.order("reboot")
    assert REFUSED in caught.value.hint


def test_a_node_that_goes_before_it_answers_took_the_order(
    machine: NodeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Completed:
        raise ConnectionLostError("broke")

    monkeypatch.setattr(ssh, "run_as_root", broken)
    machine.order("reboot")
