"""A kernel setting that was refused is seen, whoever brings it; one that was set later is none."""

import pytest

from imagekit.checks.settings import refused

BBR = "Couldn't write 'bbr3' to 'net/ipv4/tcp_congestion_control', ignoring: No such file or directory"
BRIDGE = "Couldn't write '1' to 'net/bridge/bridge-nf-call-iptables', ignoring: No such file or directory"
RANGE = "Couldn't write '1024 65000' to 'net/ipv4/ip_local_port_range', ignoring: Invalid argument"
FATAL = "Couldn't write '7' to 'kernel/panic': Permission denied"


@pytest.mark.parametrize(
    ("said", "found", "wrong"),
    [
        ("", {}, {}),
        (
            BBR,
            {"net.ipv4.tcp_congestion_control": "cubic"},
            {"net.ipv4.tcp_congestion_control": "bbr3"},
        ),
        (BRIDGE, {}, {"net.bridge.bridge-nf-call-iptables": "1"}),
        (BRIDGE, {"net.bridge.bridge-nf-call-iptables": "1"}, {}),
        (RANGE, {"net.ipv4.ip_local_port_range": "1024\t65000"}, {}),
        (RANGE, {"net.ipv4.ip_local_port_range": "32768\t60999"}, {"net.ipv4.ip_local_port_range": "1024 65000"}),
        (
            f"{BRIDGE}\nStarting something\n{FATAL}\n",
            {"kernel.panic": "10"},
            {"net.bridge.bridge-nf-call-iptables": "1", "kernel.panic": "7"},
        ),
        ("Applying /etc/sysctl.d/60-site.conf ...", {}, {}),
    ],
)
def test_what_was_refused_and_is_not_in_force(said: str, found: dict[str, str], wrong: dict[str, str]) -> None:
    assert refused(said, found) == wrong
