"""One authoritative name server, over TCP: what it says, and what it is told to say (RFC 1035, 2136, 8945)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataset
import dns.rdatatype
import dns.tsig
import dns.update

from imagekit.base.errors import ConfigError, RefusedError, ToolError
from imagekit.oci.reference import split_host
from imagekit.provision.nameserver.desired import Key
from imagekit.provision.nameserver.key import UpdateKey

_SECONDS = 10.0
_PORT = 53
_REFUSALS = {
    dns.rcode.REFUSED: (
        "refuses it",
        "Its update-policy does not let this key change these names or types; see its log.",
    ),
    dns.rcode.NOTAUTH: ("is not the zone's primary", "Name the primary server, which takes updates."),
    dns.rcode.NOTZONE: ("says that a name is not in the zone", "See which zone selects the record."),
    dns.rcode.NXRRSET: ("has other records there by now", "Somebody else changed them; look, and run it again."),
    dns.rcode.YXRRSET: ("has records there by now", "Somebody else made them; look, and run it again."),
    dns.rcode.SERVFAIL: ("fails", "See its log; a journal or zone file that it cannot write is the usual cause."),
}
_SIGNATURES = {
    dns.tsig.PeerBadSignature: (
        "takes the signature for wrong (BADSIG)",
        "The secret is another than the server's.",
    ),
    dns.tsig.PeerBadKey: ("does not know the key (BADKEY)", "The name of the key must be the one in named.conf."),
    dns.tsig.PeerBadTime: ("is at another time (BADTIME)", "Set both clocks; TSIG takes 5 minutes of difference."),
}


class NameServerError(ToolError):
    """No answer, or none that can be used."""


class UpdateRefusedError(RefusedError):
    """The server does not take the update; nothing of it was done."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """An address and a port."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str) -> NameServer:
        """``HOST[:PORT]``; raises `ConfigError`."""
        host, port = split_host(text)
        return cls(host, port or _PORT)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def require_authority(self, zone: dns.name.Name) -> None:
        """Raise `UpdateRefusedError` unless the server answers for the zone by its own authority."""
        answer = self._ask(dns.message.make_query(zone, "SOA"), f"SOA of {zone}")
        owners = [each.name for each in answer.answer if each.rdtype == dns.rdatatype.SOA]
        if not answer.flags & dns.flags.AA or zone not in owners:
            raise UpdateRefusedError(
                f"{self} is not authoritative for {zone} ({dns.rcode.to_text(answer.rcode())})",
                hint="Name the zone's primary server, or make the zone first (`imagekit provision dns zones`).",
            )

    def lookup(self, key: Key) -> dns.rdataset.Rdataset | None:
        """The records of a name and type; None where there are none. A CNAME there is none of another type."""
        name, rdtype = key
        answer = self._ask(dns.message.make_query(name, rdtype), f"{dns.rdatatype.to_text(rdtype)} of {name}")
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise NameServerError(f"{self}: {name}: {dns.rcode.to_text(answer.rcode())}")
        return next((each for each in answer.answer if each.name == name and each.rdtype == rdtype), None)

    def update(self, zone: dns.name.Name, changes: Iterable[Change], key: UpdateKey) -> None:
        """All changes or none. Raises `UpdateRefusedError`, `NameServerError`."""
        message = dns.update.UpdateMessage(zone, keyring=key.tsig, keyname=key.tsig.name)
        for change in changes:
            change.put(message)
        answer = self._ask(message, f"update of {zone} with the key {key.name}")
        if answer.rcode() != dns.rcode.NOERROR:
            what, hint = _REFUSALS.get(answer.rcode(), (f"answers {dns.rcode.to_text(answer.rcode())}", ""))
            raise UpdateRefusedError(f"update of {zone} with the key {key.name}: {self} {what}", hint=hint)

    def _ask(self, message: dns.message.Message, what: str) -> dns.message.Message:
        try:
            return dns.query.tcp(message, self.address, timeout=_SECONDS, port=self.port)
        except tuple(_SIGNATURES) as error:
            text, hint = _SIGNATURES[type(error)]
            raise UpdateRefusedError(f"{what}: {self} {text}", hint=hint) from None
        except dns.exception.Timeout:
            raise NameServerError(f"{what}: {self} did not answer in {_SECONDS:.0f} s") from None
        except (OSError, EOFError) as error:
            raise NameServerError(f"{what}: {self}: {error}", hint="Is the name server running there?") from None
        except (dns.exception.DNSException, ValueError) as error:
            raise NameServerError(f"{what}: {self}: {type(error).__name__}: {error}", hint=_unusable()) from None


def _unusable() -> str:
    return "Its answer cannot be used: not signed by the same key, or no DNS."


@dataclass(frozen=True)
class Change:
    """A set of records that is to be `after` (None: gone); it is removed only where the server still has `before`."""

    key: Key
    before: dns.rdataset.Rdataset | None
    after: dns.rdataset.Rdataset | None

    def put(self, message: dns.update.UpdateMessage) -> None:
        """Write it into an update."""
        name, rdtype = self.key
        if self.after is not None:
            message.replace(name, self.after)
            return
        if self.before is None:
            raise ConfigError(f"{name}: nothing to remove")
        # Only what is there as we wrote it: RFC 2136 2.4.2, RRset exists (value dependent).
        _present(message, name, self.before)
        message.delete(name, rdtype)

    def described(self) -> str:
        """For people."""
        name, rdtype = self.key
        kind = dns.rdatatype.to_text(rdtype)
        return f"{name} {kind}: {_values(self.before)} -> {_values(self.after)}"


def _present(message: dns.update.UpdateMessage, name: dns.name.Name, records: dns.rdataset.Rdataset) -> None:
    for each in records:
        message.present(name, each)


def _values(records: dns.rdataset.Rdataset | None) -> str:
    if records is None:
        return "nothing"
    return f"{', '.join(sorted(each.to_text() for each in records))} ({records.ttl} s)"
