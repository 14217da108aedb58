"""What the node makes of a proxy that opens TLS, and who on it knows the proxy."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host

pytestmark = pytest.mark.runbook("proxy")
PROXY, STRANGE = "http://proxy.imagekit.test:3128", "http://proxy.imagekit.test:3129"
SERVER = "https://www.imagekit.test/"
LOGIN = "bash -lc 'curl -sS -o /dev/null --max-time 60 -w %{{http_connect}} {url}' 2>&1"


def serial(host: Host, proxy: str = "") -> str:
    """The serial number of the certificate that the node sees of the server, through a proxy or directly."""
    way = f"-proxy {proxy.removeprefix('http://')} " if proxy else ""
    asked = (
        f"timeout 60 openssl s_client {way}-connect www.imagekit.test:443 -servername www.imagekit.test </dev/null 2>&1"
    )
    found = re.search(r"^serial=(\w+)", host.run(f"{asked} | openssl x509 -noout -serial 2>&1").stdout, re.MULTILINE)
    return found[1] if found else "none"


def test_the_proxy_opens_tls(host: Host) -> None:
    """The proxy shows a certificate of its own in the server's place: without that the others prove nothing."""
    direct, behind = serial(host), serial(host, PROXY)
    assert "none" not in (direct, behind), f"no certificate was shown: {direct} directly, {behind} behind the proxy"
    assert direct != behind, "the proxy lets TLS through unopened"


def test_what_the_companys_proxy_opened_is_trusted(host: Host) -> None:
    """A login uses the proxy, and trusts what it opened, for its certificates are of the corporate CA."""
    done = host.run(LOGIN.format(url=SERVER))
    assert done.rc == 0, f"not trusted behind the proxy: {done.stdout.strip()}"
    assert done.stdout.strip() == "200", "the login went past the proxy"


def test_what_another_proxy_opened_is_refused(host: Host) -> None:
    """What a proxy with an unknown authority opened is refused."""
    done = host.run(f"curl -sS -o /dev/null --max-time 60 --proxy {STRANGE} {SERVER} 2>&1")
    assert done.rc == 60, f"curl ended with status {done.rc} and not 60 (certificate): {done.stdout.strip()}"


def test_a_server_that_the_proxy_does_not_trust_is_not_reached(host: Host) -> None:
    """A server with an unknown authority behind the proxy is an error of the proxy, and not a page."""
    done = host.run(LOGIN.format(url="https://unknown.imagekit.test:8443/ --fail"))
    assert done.rc != 0, "the proxy handed on what it could not verify"


def test_k0s_knows_the_proxy(host: Host) -> None:
    """k0s, and with it containerd, is started with the proxy; its own networks are reached without it."""
    said = host.run("systemctl show -P Environment k0sworker.service").stdout.split()
    assert f"HTTPS_PROXY={PROXY}" in said, f"the unit has {' '.join(said) or 'no variables'}"
    without = next((each for each in said if each.startswith("NO_PROXY=")), "NO_PROXY=")
    assert {".svc", ".cluster.local", "10.0.0.0/8"} <= set(without.removeprefix("NO_PROXY=").split(","))
