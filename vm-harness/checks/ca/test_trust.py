"""TLS programs of the node against servers of the corporate authorities, and of none."""

from __future__ import annotations

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.runbook("ca-trust")
GOOD, STRANGE, OTHER_NAME = "www.imagekit.test:443", "unknown.imagekit.test:8443", "10.0.2.20:443"
PROGRAMS = {
    "curl": "curl -sS -o /dev/null --max-time 30 https://{server}/",
    "openssl": "timeout 30 openssl s_client -verify_return_error -verify_hostname {host} -connect {server} </dev/null",
    "wget": "wget -q -T 30 -O /dev/null https://{server}/",
    "gnutls-cli": "timeout 30 gnutls-cli {host} --port {port} </dev/null",
    "python3": "python3 -c \"import urllib.request as u; u.urlopen('https://{server}/', timeout=30)\"",
}
ALWAYS = {"curl", "openssl"}


def ran(host: Host, program: str, server: str) -> tuple[int, str]:
    """How a program of the node ended with a server, and what it said."""
    name, _, port = server.partition(":")
    done = host.run(PROGRAMS[program].format(server=server, host=name, port=port) + " 2>&1")
    return int(done.rc), str(done.stdout).strip()[-300:]


@pytest.fixture(scope="session")
def there(host: Host) -> list[str]:
    """The TLS programs that this node has."""
    asked = f"for p in {' '.join(PROGRAMS)}; do command -v $p >/dev/null && echo $p; done"
    found = [str(name) for name in host.run(asked).stdout.split()]
    assert set(found) >= ALWAYS, f"of the TLS programs the node has only {found}"
    return found


def test_every_program_trusts_the_corporate_authority(host: Host, there: list[str]) -> None:
    """Every TLS program of the node takes a certificate of the corporate authority."""
    wrong = {name: said for name in there for rc, said in [ran(host, name, GOOD)] if rc != 0}
    assert wrong == {}, f"refused by {', '.join(wrong)}: {next(iter(wrong.values()), '')}"


def test_no_program_trusts_an_unknown_authority(host: Host, there: list[str]) -> None:
    """No TLS program of the node takes a certificate of an authority that nobody told it of."""
    wrong = [name for name in there if ran(host, name, STRANGE)[0] == 0]
    assert wrong == [], f"{', '.join(wrong)} took a certificate of an unknown authority"


def test_no_program_takes_another_name(host: Host, there: list[str]) -> None:
    """No TLS program of the node takes a certificate that is made out to another name."""
    wrong = [name for name in there if ran(host, name, OTHER_NAME)[0] == 0]
    assert wrong == [], f"{', '.join(wrong)} took a certificate of www.imagekit.test for {OTHER_NAME}"
