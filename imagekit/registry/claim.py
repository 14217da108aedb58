"""What a claim on a repository is: its name, its manifest, and how long it may count.

Whoever may push can write any manifest under any tag, so a name proves nothing. A manifest is a claim only when it is,
byte for byte, what `claim_manifest` makes of the annotations in it: the type of a claim, an empty configuration, no
content, no subject, and the very tag it was read from. Nothing else is ever deleted or waited for.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest

CLAIM_PREFIX = "imagekit-claim-"
CLAIM_TYPE = "application/vnd.imagekit.claim.v1"
CLAIM_LIMIT = 8 << 10  # bytes of a claim's manifest, ten times what one has
LIFETIME = timedelta(hours=1)
# How far the clocks of the machines behind one registry may differ; the clocks of publishers do not matter.
SKEW = timedelta(minutes=5)

_OWNER, _CREATED, _RELEASED = "imagekit.owner", "imagekit.created", "imagekit.released"
_HOST, _TAG = "imagekit.host", "tag"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(rf"{CLAIM_PREFIX}(?:(?P<at>\d{{8}}T\d{{6}}Z)-)?(?P<owner>[0-9a-f]{{12}})-[0-9a-f]{{8}}")
_SAFE_HOST = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class ClaimName:
    """The tag of a claim, taken apart; `created` is None in the names that imagekit gave before names had a time."""

    tag: str
    owner: str
    created: datetime | None

    def may_count(self, now: datetime) -> bool:
        """Whether a claim of this name could count at `now`, on the registry's clock."""
        return self.created is None or in_time(self.created, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim as it was read; one that is `released` or whose time is over counts no more."""

    owner: str
    host: str
    created: datetime | None
    released: bool

    def counts(self, now: datetime) -> bool:
        """Whether it holds the repository at `now`, on the registry's clock."""
        return not self.released and self.created is not None and in_time(self.created, now)


def in_time(created: datetime, now: datetime) -> bool:
    """Whether a claim of that time is neither over nor dated ahead of the registry's clock."""
    return -SKEW <= now - created <= LIFETIME


def new_name(owner: str, now: datetime) -> str:
    """A tag for a claim that is made at `now`, on the registry's clock; never given twice."""
    return f"{CLAIM_PREFIX}{now.astimezone(UTC).strftime(_STAMP)}-{owner}-{secrets.token_hex(4)}"


def parse_name(tag: str) -> ClaimName | None:
    """Take a claim's tag apart; None for any other tag."""
    found = _NAME.fullmatch(tag)
    if found is None:
        return None
    try:
        created = datetime.strptime(found["at"], _STAMP).replace(tzinfo=UTC) if found["at"] else None
    except ValueError:
        return None
    return ClaimName(tag, found["owner"], created)


def new_claim(tag: str, *, owner: str, host: str, now: datetime) -> Manifest:
    """The manifest of a claim that is made at `now`, on the registry's clock."""
    shown = re.sub(r"[^A-Za-z0-9._-]", "-", host)[:64] or "unknown"
    created = now.astimezone(UTC).isoformat(timespec="seconds")
    return claim_manifest({_OWNER: owner, _CREATED: created, _HOST: shown, _TAG: tag})


def released_claim(tag: str) -> Manifest:
    """What stands in place of a claim that is over where the registry deletes nothing."""
    return claim_manifest({_RELEASED: "yes", _TAG: tag})


def claim_manifest(annotations: dict[str, str]) -> Manifest:
    """A manifest of a claim's type: empty configuration, one layer that is the empty descriptor, no subject."""
    empty = Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY)
    return image_manifest(config=empty, layers=(empty,), artifact_type=CLAIM_TYPE, annotations=annotations)


def read_claim(name: ClaimName, manifest: Manifest) -> Claim | None:
    """The claim under a tag; None for whatever else somebody put there, which is nobody's to touch."""
    said = dict(manifest.annotations)
    if said.keys() - {_OWNER, _CREATED, _RELEASED, _HOST, _TAG} or said.get(_TAG) != name.tag:
        return None
    try:
        if claim_manifest(said).raw != manifest.raw:
            return None
    except (MalformedError, UnicodeError):
        return None
    if _RELEASED in said:
        return Claim(owner=name.owner, host="", created=None, released=True)
    created, host = _timestamp(said.get(_CREATED, "")), said.get(_HOST, "")
    honest = created is not None and said.get(_OWNER) == name.owner and _SAFE_HOST.fullmatch(host)
    if not honest or (name.created is not None and created != name.created):
        return None
    return Claim(owner=name.owner, host=host, created=created, released=False)


def _timestamp(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
