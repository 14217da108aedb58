"""The guest agents: the hypervisor's questions are answered, and its orders are not taken."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.machine.libvirt.agent import GuestAgent

pytestmark = pytest.mark.runbook("guest-agent")
PORT = "/dev/virtio-ports/org.qemu.guest_agent.0"
CLOSED = (
    *("guest-exec", "guest-file-open", "guest-file-read", "guest-file-write"),
    *("guest-set-user-password", "guest-ssh-add-authorized-keys"),
)


@pytest.mark.container
def test_declared_packages_are_installed(host: Host) -> None:
    """Every package that the layer declares is installed."""
    assert [name for name in declared.packages("guest-agents") if not host.package(name).is_installed] == []


def test_the_hypervisor_gets_an_answer(guest_agent: GuestAgent | None, host: Host) -> None:
    """The guest agent tells the hypervisor the node's name, where the machine has a line to it."""
    assert host.file(PORT).exists == (guest_agent is not None), "the machine has no line for the guest agent"
    if guest_agent is not None:
        assert guest_agent.ask("guest-get-host-name")["host-name"] == host.run("hostname").stdout.strip()


def test_the_hypervisor_learns_the_addresses(guest_agent: GuestAgent | None, host: Host, root: Host) -> None:
    """The guest agent tells the hypervisor every address of the node."""
    if guest_agent is None:
        assert not host.file(PORT).exists, "the node has a line for the guest agent, which nobody asks"
        return
    found = {
        address["ip-address"]
        for link in guest_agent.ask("guest-network-get-interfaces")
        for address in link.get("ip-addresses", ())
    }
    own = set(root.run('ip -o addr show | awk \'{sub("/.*", "", $4); print $4}\'').stdout.split())
    assert own
    assert own <= found


@pytest.mark.parametrize("command", CLOSED)
def test_the_hypervisor_changes_nothing(guest_agent: GuestAgent | None, host: Host, command: str) -> None:
    """This order of the hypervisor is closed, by the agent's settings and, where it is asked, in its own words."""
    settings = host.file("/etc/qemu/qemu-ga.conf").content_string
    assert command in settings.partition("block-rpcs=")[2].splitlines()[0].split(",")
    if guest_agent is None:
        return
    enabled = {each["name"]: each["enabled"] for each in guest_agent.ask("guest-info")["supported_commands"]}
    assert enabled.get(command, False) is False


@pytest.mark.container
def test_vcenter_changes_nothing(host: Host) -> None:
    """VMware's tools take no programs and files from vCenter."""
    assert "disabled=true" in host.file("/etc/vmware-tools/tools.conf").content_string.split()


def test_vmwares_tools_run_under_vmware_alone(host: Host) -> None:
    """VMware's tools are enabled, and run exactly where the hypervisor is VMware."""
    name = "open-vm-tools" if host.file("/etc/debian_version").exists else "vmtoolsd"
    here = host.run("systemd-detect-virt --vm").stdout.strip() == "vmware"
    assert host.service(name).is_enabled
    assert host.service(name).is_running == here
