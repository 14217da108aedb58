"""What listens and what a boot costs, out of what the node says, and what differs between two."""

from __future__ import annotations

from imagekit.inventory.live import Listening, LiveInventory, compare_live, parse_listening

ANSWER = """\
udp   UNCONN 0      0      127.0.0.54:53        0.0.0.0:*    users:(("systemd-resolve",pid=300,fd=19))
udp   UNCONN 0      0      10.0.2.15%ens2:68        0.0.0.0:*    users:(("NetworkManager",pid=400,fd=29))
tcp   LISTEN 0      128      0.0.0.0:22        0.0.0.0:*    users:(("sshd",pid=500,fd=6))
tcp   LISTEN 0      128         [::]:22           [::]:*    users:(("sshd",pid=500,fd=7))
tcp   LISTEN 0      4096       [::1]:631          [::]:*
broken line
""".splitlines()


def test_each_port_is_told_once_with_its_program() -> None:
    assert parse_listening(ANSWER) == (
        Listening("tcp", "loopback", 631, ""),
        Listening("tcp", "network", 22, "sshd"),
        Listening("udp", "loopback", 53, "systemd-resolve"),
        Listening("udp", "network", 68, "NetworkManager"),
    )


def test_loopback_by_any_of_its_names_is_loopback() -> None:
    for address in ("127.0.0.1", "127.8.0.1%lo", "[::1]", "[::1]%lo", "[::ffff:127.0.0.1]"):
        [one] = parse_listening([f"tcp LISTEN 0 5 {address}:80 *:*"])
        assert one.reach == "loopback", address
    for address in ("*", "[::]", "0.0.0.0", "10.0.2.15", "[::ffff:10.0.0.1]", "[fe80::1]%eth0", "[::127.0.0.1]"):
        [one] = parse_listening([f"tcp LISTEN 0 5 {address}:80 *:*"])
        assert one.reach == "network", address


def live(path: str, *ports: Listening, **units: float) -> LiveInventory:
    return LiveInventory(boot_path=path, listening=ports, units=units)


SSH, EXPORTER = Listening("tcp", "network", 22, "sshd"), Listening("tcp", "network", 9100, "node-exporter")


def texts(a: list[LiveInventory], b: list[LiveInventory]) -> list[str]:
    return [change.text for change in compare_live(a, b)]


def test_a_port_that_came_on_every_boot_path_is_told_once() -> None:
    a, b = [live("direct", SSH), live("live", SSH)], [live("direct", SSH, EXPORTER), live("live", SSH, EXPORTER)]
    assert texts(a, b) == ["TCP 9100 listens (node-exporter)"]
    assert texts(b, a) == ["TCP 9100 listens no more (node-exporter)"]


def test_what_holds_on_one_boot_path_alone_names_it() -> None:
    a, b = [live("direct", SSH), live("live", SSH)], [live("direct", SSH), live("live", SSH, EXPORTER)]
    assert texts(a, b) == ["TCP 9100 listens (node-exporter), on boot path live"]


def test_another_program_on_a_port_is_told() -> None:
    assert texts([live("direct", SSH)], [live("direct", SSH._replace(program="dropbear"))]) == [
        "TCP 22: sshd to dropbear"
    ]


def test_a_port_that_opens_to_the_network_is_told_and_so_is_a_second_program_on_it() -> None:
    inner, outer = (Listening("tcp", reach, 9100, "node-exporter") for reach in ("loopback", "network"))
    assert texts([live("direct", inner)], [live("direct", outer)]) == [
        "TCP 9100 listens (node-exporter)",
        "TCP 9100 listens on loopback no more (node-exporter)",
    ]
    second = Listening("tcp", "network", 22, "dropbear")
    assert texts([live("direct", SSH)], [live("direct", second, SSH)]) == ["TCP 22: sshd to dropbear, sshd"]


def test_a_node_that_did_not_answer_claims_nothing() -> None:
    silent = LiveInventory(boot_path="direct", listening=None)
    assert texts([live("direct", SSH)], [silent]) == []
    assert texts([silent], [live("direct", SSH)]) == []
    assert texts([live("direct", SSH)], []) == []


def test_a_unit_is_told_when_it_costs_clearly_more() -> None:
    a = [live("direct", a=1.0, b=10.0, c=5.0)]
    b = [live("direct", a=2.5, b=12.5, c=9.0, d=3.0)]
    assert texts(a, b) == ["boot: c takes 9.0 s, it was 5.0 s", "boot: d takes 3.0 s"]


def test_a_boot_beside_others_work_is_no_change_of_its_units() -> None:
    # Of two runs of one layer list on 29 November 2026, the second on a busy machine.
    a = {"nm": 5.0, "dbus": 1.8, "udevd": 1.7, "timesyncd": 2.0, "cos-setup-fs": 1.8, "greet": 1.4}
    b = {"nm": 15.9, "dbus": 3.9, "udevd": 7.0, "timesyncd": 7.2, "cos-setup-fs": 5.8, "greet": 3.5}
    assert texts([live("live", **a)], [live("live", **b)]) == []
    assert texts([live("live", **a)], [live("live", **{**b, "greet": 30.0})]) == [
        "boot: greet takes 30.0 s, it was 1.4 s"
    ]
    assert texts([live("live", **a)], [live("live", **{**a, "greet": 4.0})]) == [
        "boot: greet takes 4.0 s, it was 1.4 s"
    ]
