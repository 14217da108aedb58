"""For checks of a node in Active Directory: its domain by its own files, and people of that domain who log in to it."""

from __future__ import annotations

import configparser
import shlex
from dataclasses import dataclass

from imagekit.base.process import Completed
from imagekit.fixtures.addresses import NAME_SERVER
from imagekit.fixtures.network import FixtureNetwork

KEYTAB = "/etc/krb5/krb5.keytab"
SSSD_CONF = "/etc/sssd/sssd.conf"
SKEW = 300
"""Seconds that clocks may differ: Kerberos' and Active Directory's default."""

# What MIT's library says (src/lib/krb5/error_tables/krb5_err.et), and what that means for a computer account.
_CAUSES = {
    "Clock skew": "the clocks of node and controller differ by more than Kerberos allows",
    "Preauthentication failed": "the password in the keytab is not that of the account: it was changed elsewhere",
    "Server not found in Kerberos": "the directory has no service principal of this name: no ticket for it",
    "not found in Kerberos database": "the directory has no computer account of this name: renamed or removed",
    "revoked": "the computer account is disabled or locked",
    "Cannot find KDC": "DNS names no controller for this realm",
    "Cannot contact any KDC": "no controller answers on port 88",
    "no suitable keys": "the keytab has no key for this computer account",
    "not found while": "the node has no keytab: it has not joined",
}
# From an address of its own: for a while OpenSSH 10 turns away whom many wrong passwords came from (PerSourcePenalties,
# sshd_config(5)), and the checks' own connection comes from another one.
_SSH = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o NumberOfPasswordPrompts=1 "
    f"-o ConnectTimeout=30 -o BindAddress={NAME_SERVER}"
)
_SECONDS = 120.0


def cause(text: str) -> str:
    """What Kerberos said, with what it means."""
    meaning = next((means for words, means in _CAUSES.items() if words.lower() in text.lower()), "")
    return f"{meaning} ({text.strip()})" if meaning else text.strip()


@dataclass(frozen=True, slots=True)
class Domain:
    """The domain of a node: its DNS name, and the realm that the node takes for its own."""

    name: str
    realm: str


def domain_of(sssd_conf: str) -> Domain:
    """The first domain of an sssd.conf. Raises `ValueError` when it names none."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(sssd_conf)
        name = parser["sssd"]["domains"].split(",")[0].strip()
        return Domain(name=name, realm=parser[f"domain/{name}"].get("krb5_realm", name.upper()))
    except (configparser.Error, KeyError) as error:
        raise ValueError(f"{SSSD_CONF} names no domain: {error}") from None


@dataclass(frozen=True, slots=True)
class People:
    """Logs people in at the node, from where the directory's servers run."""

    network: FixtureNetwork
    node: str

    def by_password(self, user: str, password: str, command: str) -> Completed:
        """What a command says that somebody runs on the node who logged in by a password."""
        askpass = "/tmp/imagekit-askpass"
        made = f"printf '#!/bin/sh\\necho \"$PW\"\\n' >{askpass} && chmod 700 {askpass}"
        ssh = f"{_SSH} -o PreferredAuthentications=password {user}@{self.node} {shlex.quote(command)}"
        asked = f"SSH_ASKPASS={askpass} SSH_ASKPASS_REQUIRE=force {ssh}"
        return self.network.run(
            ["sh", "-c", f"{made}; PW={shlex.quote(password)}; export PW; {asked}"], timeout=_SECONDS
        )

    def by_ticket(self, user: str, password: str, command: str) -> Completed:
        """The same with a Kerberos ticket; no password goes to the node."""
        options = "-o PreferredAuthentications=gssapi-with-mic -o GSSAPIAuthentication=yes"
        ssh = f"{_SSH} {options} {user}@{self.node} {shlex.quote(command)}"
        got = f"echo {shlex.quote(password)} | kinit {user} >/dev/null"
        return self.network.run(
            ["sh", "-c", f"export KRB5CCNAME=FILE:/tmp/krb5cc-{user}; {got} && {ssh}"], timeout=_SECONDS
        )
