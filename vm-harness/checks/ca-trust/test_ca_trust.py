"""The corporate authorities: in the node's trust, and in nothing more than its trust."""

from __future__ import annotations

import re
import ssl
import warnings
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.tlspeer import ANSWER, TlsPeer
from imagekit.config.authorities import Authority, time_faults
from imagekit.config.certfile import bundle_certificates

pytestmark = pytest.mark.runbook("ca-trust")
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
DECLARED = declared.authorities("ca-trust")
each = pytest.mark.parametrize("authority", DECLARED, ids=lambda authority: authority.name)
# Where crypto/x509 looks on Linux (root_linux.go): the first of these files, and every file of these directories.
GO_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
GO_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
# What programs with NSS load for their authorities: of Debian, before and since 13, and of the RHEL family.
NSS_MODULES = tuple(f"/usr/{path}/libnssckbi.so" for path in ("lib/*-linux-gnu", "lib/*-linux-gnu/nss", "lib64"))
_FIRST = "for f in %s; do [ ! -e $f ] || { cat $f; break; }; done"
_PYTHON = (
    "import ssl; c = ssl.create_default_context(); "
    "print(''.join(ssl.DER_cert_to_PEM_cert(d) for d in c.get_ca_certs(binary_form=True)))"
)
# Each reader's own way to its authorities, as text with PEM blocks; of one that the node lacks it says `absent`.
READERS = {
    "OpenSSL's bundle": 'cat "$(openssl version -d | cut -d \'"\' -f2)/cert.pem" 2>/dev/null || cat ' + BUNDLES[0],
    "Go's bundle": _FIRST % " ".join(GO_FILES),
    "Python": f'! command -v python3 >/dev/null && echo absent || python3 -c "{_PYTHON}"',
    "Java": (
        "s=$(ls /etc/ssl/certs/java/cacerts /etc/pki/ca-trust/extracted/java/cacerts 2>/dev/null | head -n 1); "
        '! command -v keytool >/dev/null && echo absent || keytool -list -rfc -storepass changeit -keystore "$s"'
    ),
}


@pytest.fixture(scope="session")
def bundle(host: Host) -> frozenset[bytes]:
    """Every certificate of the system's bundle, in DER form."""
    return bundle_certificates(host.run(f"cat {' '.join(BUNDLES)} 2>/dev/null").stdout_bytes)


def test_something_is_declared() -> None:
    """The layer declares at least one authority."""
    assert DECLARED


@each
@pytest.mark.container
def test_authority_is_in_the_bundle(bundle: frozenset[bytes], authority: Authority) -> None:
    """The declared authority is in the system's bundle, byte for byte."""
    assert authority.der in bundle, f"{authority} is not among the {len(bundle)} certificates of the bundle"


@each
@pytest.mark.container
def test_authority_is_trusted(host: Host, authority: Authority) -> None:
    """OpenSSL on the node trusts the declared authority by its default store, as strictly as Python 3.13 asks."""
    done = host.run("printf %%s %s | openssl verify -x509_strict", authority.pem.decode())
    assert done.rc == 0, done.stderr


@each
def test_authority_is_in_force(host: Host, authority: Authority) -> None:
    """By the node's clock the authority is valid, for a month at least."""
    now = datetime.fromtimestamp(int(host.run("date +%s").stdout), UTC)
    assert [str(each) for each in time_faults(authority.certificate, now)] == []


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.container
def test_every_reader_sees_the_authorities(host: Host, bundle: frozenset[bytes], reader: str) -> None:
    """A reader of the trust store finds the declared authorities, and the same certificates as the others."""
    said = host.run("sh -c %s", READERS[reader]).stdout_bytes
    if said.strip() == b"absent":
        return
    found = bundle_certificates(said)
    missing = [str(authority) for authority in DECLARED if authority.der not in found]
    assert missing == [], f"{reader} does not find them among {len(found)}"
    # What the others have more or less would be trusted by some programs of the node alone.
    assert found == bundle, f"{reader} has {len(found - bundle)} that the bundle lacks, and lacks {len(bundle - found)}"


@pytest.mark.container
def test_nss_has_no_list_of_its_own(host: Host) -> None:
    """NSS, where it is there, reads the system's store by p11-kit, and not the list in a module of its own."""
    found = host.run(f"ls {' '.join(NSS_MODULES)} 2>/dev/null; echo asked").stdout.split()
    assert found.pop() == "asked"
    own = [path for path in found if "p11-kit" not in host.run("readlink -f %s", path).stdout]
    assert own == [], f"{', '.join(own)}: programs with NSS trust Mozilla's list and no declared authority"


@pytest.mark.container
def test_go_finds_nothing_more_in_folders(root: Host, bundle: frozenset[bytes]) -> None:
    """Go reads every file of the certificate folders too; none of them holds an authority that the bundle lacks."""
    command = f"find -L {' '.join(GO_FOLDERS)} -maxdepth 1 -type f -exec cat {{}} + 2>/dev/null"
    more = bundle_certificates(root.run(command).stdout_bytes) - bundle
    assert len(more) == 0


@pytest.mark.container
def test_bundle_is_whole(host: Host, bundle: frozenset[bytes]) -> None:
    """Every certificate of the bundle can be read, and none stands there twice."""
    lines = host.run(f"cat {' '.join(BUNDLES)} 2>/dev/null").stdout_bytes.count(b"-----BEGIN CERTIFICATE-----")
    assert lines == len(bundle)
    with warnings.catch_warnings():  # some public authorities have serial numbers that are not positive
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        assert all(x509.load_der_x509_certificate(der) for der in bundle)


@pytest.mark.container
def test_public_authorities_are_still_there(bundle: frozenset[bytes]) -> None:
    """The public authorities are there too: the corporate ones were added, not put in their place."""
    assert len(bundle) > 100


@pytest.mark.container
def test_bundle_is_for_everybody(host: Host) -> None:
    """Every account can read the bundle and nobody but root writes it."""
    found = host.run(f"stat -L -c %a:%U {' '.join(BUNDLES)} 2>/dev/null").stdout.split()
    assert found
    assert all(re.fullmatch(r"4?[46]44:root", line) for line in found)


def test_no_authority_key_on_the_node(host: Host) -> None:
    """No private key lies among the certificates."""
    done = host.run("grep -rlE 'PRIVATE KEY' /etc/ssl/certs /usr/share/ca-certificates /etc/pki/ca-trust 2>/dev/null")
    assert done.stdout.strip() == ""


@pytest.mark.needs(network=True, service="tls")
def test_curl_accepts_the_house(host: Host, trusted_peer: TlsPeer) -> None:
    """curl on the node talks to a server with a corporate certificate."""
    done = host.run("curl -sS --max-time 30 %s", trusted_peer.url)
    assert done.rc == 0, done.stderr
    assert done.stdout.strip() == ANSWER


@pytest.mark.needs(network=True, service="tls")
def test_curl_refuses_a_stranger(host: Host, untrusted_peer: TlsPeer) -> None:
    """curl on the node refuses a server with a certificate of an unknown authority."""
    done = host.run("curl -sS --max-time 30 %s", untrusted_peer.url)
    assert done.rc == 60, done.stderr
    assert ANSWER not in done.stdout


def handshake(host: Host, peer: TlsPeer, name: str) -> str:
    """What OpenSSL on the node says of a server, `name` being the address the certificate has to be for."""
    command = f"openssl s_client -connect {peer.address}:{peer.port} -verify_ip {name} -verify_return_error"
    said: str = host.run(f"timeout 30 {command} </dev/null 2>&1").stdout
    return said


@pytest.mark.needs(network=True, service="tls")
def test_openssl_accepts_the_house(host: Host, trusted_peer: TlsPeer) -> None:
    """OpenSSL on the node verifies the corporate certificate of a server."""
    said = handshake(host, trusted_peer, trusted_peer.address)
    # Without any certificate the return code is 0 as well.
    assert re.search(r"subject=.*imagekit harness peer", said), said[-600:]
    assert "Verify return code: 0 (ok)" in said


@pytest.mark.needs(network=True, service="tls")
def test_openssl_refuses_a_stranger(host: Host, untrusted_peer: TlsPeer) -> None:
    """OpenSSL on the node gives up on a certificate of an unknown authority."""
    said = handshake(host, untrusted_peer, untrusted_peer.address)
    assert re.search(r"verify error:num=(18|19|20|21)\b", said)
    assert "Verify return code: 0 (ok)" not in said


@pytest.mark.needs(network=True, service="tls")
def test_a_wrong_name_is_refused(host: Host, trusted_peer: TlsPeer) -> None:
    """A corporate certificate for another address is refused."""
    assert "IP address mismatch" in handshake(host, trusted_peer, "192.0.2.1")


def test_this_suite_tells_them_apart(trusted_peer: TlsPeer) -> None:
    """The test server is not trusted by this host already, or the checks above would prove nothing."""
    import socket

    context = ssl.create_default_context()
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", trusted_peer.port), 10) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain)


def test_folder_is_not_open(host: Host) -> None:
    """Only root puts certificates into the node's trust."""
    every = (host.file(path) for path in ("/etc/ssl/certs", "/etc/pki/ca-trust/source/anchors"))
    folders = [folder for folder in every if folder.exists]
    assert folders
    assert all((folder.user, folder.mode & 0o022) == ("root", 0) for folder in folders)
