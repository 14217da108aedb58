"""Node and directory find one another: names, realm, time, computer account, certificate. Checks name the cause."""

from __future__ import annotations

import re
import time

import pytest
from testinfra.host import Host

from imagekit.checks.directory import KEYTAB, SKEW, Domain, cause
from imagekit.checks.until import until
from imagekit.fixtures.network import FixtureNetwork


@pytest.mark.runbook("ad-dns")
def test_dns_names_a_controller(host: Host, domain: Domain, controller: str) -> None:
    """DNS names a controller of the node's domain."""
    servers = re.findall(r"^nameserver (\S+)", host.run("cat /etc/resolv.conf").stdout, re.MULTILINE)
    assert "domain-controller = " in controller, (
        f"DNS ({' '.join(servers) or 'no name server'}) has no SRV record _ldap._tcp.{domain.name}, or no controller "
        f"answers: {controller}"
    )


@pytest.mark.runbook("ad-realm")
def test_the_realm_is_the_domains(domain: Domain, controller: str) -> None:
    """The realm in sssd.conf is that of the domain."""
    found = re.search(r"^domain-name = (\S+)", controller, re.MULTILINE)
    assert found is not None, f"no controller said what its domain is: {controller}"
    right = found[1].upper()
    assert domain.realm == right, f"krb5_realm in sssd.conf is {domain.realm}, the domain's realm is {right}"


@pytest.mark.runbook("ad-clock")
def test_the_clock_agrees_with_the_domain(host: Host, network: FixtureNetwork) -> None:
    """The node's clock is within what Kerberos allows of the controller's."""
    there, asked = float(network.run(["date", "+%s"]).stdout), time.monotonic()
    apart = float(host.run("date +%s").stdout) - there - (time.monotonic() - asked) / 2
    way = "ahead of" if apart > 0 else "behind"
    assert abs(apart) < SKEW, f"the node's clock is {abs(apart):.0f} s {way} the controller's; Kerberos allows {SKEW} s"


@pytest.mark.runbook("ad-clock")
def test_the_clock_is_the_domains(host: Host, domain: Domain) -> None:
    """The node takes its time from the domain's controllers."""
    asked = "timedatectl show-timesync -P ServerName -P ServerAddress | tr '\\n' ' '"
    said = host.run(f"{until(f'{asked} | grep -q {domain.name}', 40)}; {asked}").stdout.split()
    assert domain.name in said, f"the time comes from {' '.join(said) or 'nowhere'}, not from {domain.name}"


@pytest.mark.runbook("ad-keytab")
def test_the_keytab_names_this_node(root: Host, node_name: str) -> None:
    """The keytab has a key for the node under the name that it has now."""
    listed = root.run("klist -k %s", KEYTAB)
    assert listed.rc == 0, f"the node has not joined: {listed.stderr.strip()}"
    names = sorted(set(re.findall(r"host/(\S+)@", listed.stdout)))
    assert node_name in names, (
        f"the node is called {node_name}, its keytab is for {', '.join(names) or 'no host'}: renamed after it joined?"
    )


@pytest.mark.runbook("ad-keytab")
def test_the_keytab_is_for_root_alone(root: Host) -> None:
    """Nobody but root may read the keytab."""
    listed = root.run("ls -l %s", KEYTAB).stdout.split()
    mode, owner = (listed[0][:10], listed[2]) if listed else ("nothing", "nobody")
    assert (mode, owner) == ("-rw-------", "root"), f"{KEYTAB} has the mode {mode} and belongs to {owner}"


@pytest.mark.runbook("ad-keytab")
def test_the_one_time_password_is_gone(root: Host) -> None:
    """The one-time password does not stay on the node once it has joined."""
    assert root.run("test -e /etc/krb5/join-password").rc == 1, "/etc/krb5/join-password is still there"


@pytest.mark.runbook("ad-machine-account")
def test_the_computer_account_logs_in(root: Host, node_name: str, domain: Domain) -> None:
    """The node gets a ticket as its own computer account, by its keytab."""
    account = f"{node_name.partition('.')[0].upper()}$@{domain.realm}"
    done = root.run("KRB5CCNAME=MEMORY:check kinit -k -t %s %s 2>&1", KEYTAB, account)
    assert done.rc == 0, f"no ticket for the computer account: {cause(done.stdout + done.stderr)}"


@pytest.mark.runbook("ad-ldaps")
def test_the_certificate_of_ldaps_is_trusted(host: Host, controller: str) -> None:
    """The node trusts the certificate that the controller shows for LDAPS."""
    found = re.search(r"^domain-controller = (\S+)", controller, re.MULTILINE)
    assert found is not None, f"no controller was found: {controller}"
    asked = f"timeout 30 openssl s_client -connect {found[1]}:636 -verify_hostname {found[1]} -verify_return_error"
    done = host.run(f"{asked} </dev/null 2>&1")
    why = re.search(r"verify error:(.*)", done.stdout)
    said = why[1].strip() if why else done.stdout.strip()[-300:]
    assert done.rc == 0, f"LDAPS of {found[1]} is not trusted: {said}; its authority belongs into layer ca-trust"


@pytest.mark.runbook("ad-sssd")
def test_sssd_runs(root: Host) -> None:
    """SSSD runs, with the configuration that the node has."""
    waited = until("systemctl is-active -q sssd", 40)  # it may try more than once
    state = root.run(f"{waited}; systemctl is-active sssd").stdout.strip()
    why = root.run("sssctl config-check 2>&1; journalctl -b -u sssd -n 3 --no-pager -o cat").stdout.strip()
    assert state == "active", f"sssd is {state}: {why}"
