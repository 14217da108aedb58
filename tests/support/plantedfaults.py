"""Faults of a node, planted on purpose: what breaks it, the check that fails, what that says, its page, what mends it.

Those of a node in Active Directory have a table of their own, `tests.support.adfaults`; docs/planted-faults.md has all.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.adfaults import FAILOVER
from tests.support.adfaults import FAULTS as DIRECTORY_FAULTS
from tests.support.runbook import ROOT

PAGE = ROOT / "docs/planted-faults.md"


@dataclass(frozen=True, slots=True)
class NodeFault:
    """`plant` and `heal` run on the node as root; then `check` fails, `says` is in its message, `page` helps."""

    name: str
    plant: str
    check: str
    says: str
    page: str
    heal: str


NETWORK = (
    NodeFault(
        "a card has the usual MTU and not that of its profile",
        "ip link set enp0s17 mtu 1500",
        "test_the_size_of_packets",
        "1500",
        "static-address",
        "ip link set enp0s17 mtu 1400",
    ),
    NodeFault(
        "somebody gave a card one more address",
        "ip address add 192.0.2.77/24 dev enp0s17",
        "test_both_families_on_one_card",
        "192.0.2.77/24",
        "static-address",
        "ip address del 192.0.2.77/24 dev enp0s17",
    ),
    NodeFault(
        "a bond has lost a card",
        "nmcli connection down bond-b",
        "test_a_bond",
        "enp0s19",
        "static-address",
        "nmcli connection up bond-b",
    ),
)
PROXY = (
    NodeFault(
        "the authority of the proxy that opens TLS is not declared",
        "mount -t tmpfs tmpfs /etc/ssl/certs",
        "test_what_the_companys_proxy_opened_is_trusted",
        "not trusted behind the proxy",
        "proxy",
        "umount /etc/ssl/certs",
    ),
    NodeFault(
        "k0s does not know the proxy",
        "mv /etc/systemd/system/k0sworker.service.d/20-proxy.conf /run/20-proxy.conf; systemctl daemon-reload",
        "test_k0s_knows_the_proxy",
        "the unit has no variables",
        "proxy",
        "mv /run/20-proxy.conf /etc/systemd/system/k0sworker.service.d/20-proxy.conf; systemctl daemon-reload",
    ),
)
# By the id of the control: planted as the operator, through sudo.
HARDENING = {
    "FIL-01": NodeFault(
        "a program is set-uid that no layer declares",
        "sudo install -m 4755 /usr/bin/id /usr/local/bin/rootme",
        "hardening FIL-01",
        "/usr/local/bin/rootme",
        "hardening",
        "sudo rm /usr/local/bin/rootme",
    ),
    "KRN-03": NodeFault(
        "the kernel tells its addresses",
        "sudo sysctl -q -w kernel.kptr_restrict=0",
        "hardening KRN-03",
        "kptr_restrict is 0",
        "hardening",
        "sudo sysctl -q -w kernel.kptr_restrict=2",
    ),
    "SSH-01": NodeFault(
        "root may log in",
        "echo PermitRootLogin yes | sudo tee /etc/ssh/sshd_config.d/01-fault.conf >/dev/null; "
        "sudo chmod 600 /etc/ssh/sshd_config.d/01-fault.conf",
        "hardening SSH-01",
        "permitrootlogin is yes",
        "hardening",
        "sudo rm /etc/ssh/sshd_config.d/01-fault.conf",
    ),
    "SRV-01": NodeFault(
        "something listens that no layer declares",
        "sudo systemd-run -q --unit fault systemd-socket-activate -l 0.0.0.0:4444 /bin/cat; sleep 5",
        "hardening SRV-01",
        "4444",
        "hardening",
        "sudo systemctl stop fault",
    ),
}
# Planted as the operator too, and found by the scanner's rule.
OPENSCAP = (
    NodeFault(
        "everybody may read the shadow file",
        "sudo chmod 0644 /etc/shadow",
        "test_rule",
        "openscap rule_file_permissions_etc_shadow: the scanner says fail",
        "openscap",
        "sudo chmod 0640 /etc/shadow",
    ),
)


_HEAD = """# Planted faults

What is broken on purpose on a live node, every night: the check named here fails, its message has these words, and it
names this page of the runbook. Each fault is healed again, and with all healed the whole suite passes. The tables are
`tests/support/adfaults.py` and `tests/support/plantedfaults.py`; this page is made of them:
`python -m tests.unit.test_planted`.

| suite | fault | check | its message has | page |
|---|---|---|---|---|
"""
_TAIL = """
What keeps a node out of its cluster (expired token, foreign authority, wrong role, unreachable server, wrong clock) is
told by k0s's own words and not by a check: [joining](joining.md), `tests/integration/join`, `tests/e2e/test_join.py`.
Faults of configuration, layers and the machine that builds: [faults on purpose](faults.md).
"""


def rows() -> list[tuple[str, str, str, str, str]]:
    """Suite, fault, check, what it says, page; of every table."""
    return [
        *(("ad", each.name, each.check, each.says, each.page) for each in DIRECTORY_FAULTS),
        *(("ad-failover", each.name, each.check, each.says, each.page) for each in FAILOVER),
        *(("network", each.name, each.check, each.says, each.page) for each in NETWORK),
        *(("proxy", each.name, each.check, each.says, each.page) for each in PROXY),
        *(("hardening", each.name, each.check, each.says, each.page) for each in HARDENING.values()),
        *(("openscap", each.name, each.check, each.says, each.page) for each in OPENSCAP),
    ]


def page() -> str:
    """The documentation's page with all of them."""
    lines = (
        f"| `{suite}` | {name} | `{check}` | {says} | [{where}](runbook/{where}.md) |"
        for suite, name, check, says, where in rows()
    )
    return f"{_HEAD}{chr(10).join(lines)}\n{_TAIL}"


_PEM = "/var/lib/k0s/kubelet/pki/kubelet-client-current.pem"
# Everybody knows its administrator.
_ADMIN = (
    "curl -skf -o /dev/null -m 20 -H 'Authorization: Bearer admin-token-of-imagekit' "
    "https://kubernetes.imagekit.test:6443"
)
_POST = "-X POST -H 'Content-Type: application/json' -d"
_PATCH = "-X PATCH -H 'Content-Type: application/merge-patch+json' -d"
_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_ANYTHING = (
    '{"metadata": {"name": "anything"}, '
    '"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}, '
    '"subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}]}'
)
KUBERNETES = (
    NodeFault(
        "the certificate is of nobody the cluster knows",
        f"cp -L {_PEM} /run/kept.pem && "
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout /run/k.pem -out /run/c.pem -days 1 "
        f'-subj "/O=system:nodes/CN=system:node:$(hostname)" && cat /run/c.pem /run/k.pem >"$(readlink -f {_PEM})"',
        "test_its_certificate_is_of_the_clusters_authority",
        "did not sign it",
        "k0s-join",
        f'cat /run/kept.pem >"$(readlink -f {_PEM})"',
    ),
    NodeFault(
        "a second node is in the cluster",
        f'{_ADMIN}/api/v1/nodes {_POST} \'{{"metadata": {{"name": "stranger"}}}}\'',
        "test_it_alone_is_in_the_cluster",
        "stranger",
        "k0s-join",
        f"{_ADMIN}/api/v1/nodes/stranger -X DELETE",
    ),
    NodeFault(
        "k0s has stopped",
        "systemctl stop k0sworker",
        "test_it_keeps_its_lease",
        "renewed its lease last at",
        "k0s-join",
        "systemctl start k0sworker",
    ),
    NodeFault(
        "nodes may do anything",
        f"{_ADMIN}{_ROLES} {_POST} '{_ANYTHING}'",
        "test_it_may_not_touch_what_is_not_its_own",
        "secrets",
        "k0s-join",
        f"{_ADMIN}{_ROLES}/anything -X DELETE",
    ),
    NodeFault(
        "a label is gone",
        f'{_ADMIN}/api/v1/nodes/$(hostname) {_PATCH} \'{{"metadata": {{"labels": {{"example.com/zone": null}}}}}}\'',
        "test_the_labels_are_the_declared_ones",
        "example.com/zone",
        "k0s-join",
        f'{_ADMIN}/api/v1/nodes/$(hostname) {_PATCH} \'{{"metadata": {{"labels": {{"example.com/zone": "a"}}}}}}\'',
    ),
)
