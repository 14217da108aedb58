"""Listings of a registry: tags by pages, and the referrers of a digest as far as this registry has such a list.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from imagekit.base.errors import RefusedError
from imagekit.base.strictjson import read_object
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import MEDIA_TYPE_INDEX, Digest
from imagekit.registry.address import Lead, Target, led_to, shown
from imagekit.registry.answer import instant
from imagekit.registry.errors import RegistryError, TooLargeError
from imagekit.registry.transport import Transport

PAGE_LIMIT = 4 << 20
# All pages of a listing, which stay in memory: half a million tags of 60 characters, ten an hour for five years.
LISTING_LIMIT = 32 << 20
PAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrerList:
    """What the referrers API of a registry answers.

    `manner` says in words what came in place of an image index (no such API, or one that does not work); it is empty
    for an image index. `whole` is False for a list that is longer than is read.
    """

    entries: tuple[Descriptor, ...] = ()
    manner: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One answer of a listing; `following` is where the next page is."""

    status: int
    media_type: str
    raw: bytes
    date: str = ""  # the registry's clock
    moved: str = ""  # where a redirect would lead that is not followed
    following: Target | None = None


@dataclass(slots=True)
class _Pages:
    """The pages of one listing, as far as its Link headers lead on this registry, within the limits."""

    transport: Transport
    repository: str
    what: str
    left: int = field(default_factory=lambda: LISTING_LIMIT)

    def all(self, path: str, accept: str) -> Iterator[_Page]:
        target: Target | None = self.transport.target(path)
        for _ in range(PAGES):
            if target is None:
                return
            page = self._page(target, accept)
            self.left -= len(page.raw)
            if self.left < 0:
                raise TooLargeError(f"{self._named()}: more than {LISTING_LIMIT >> 20} MiB of names")
            yield page
            target = page.following
        raise TooLargeError(f"{self._named()}: more than {PAGES} pages")

    def _page(self, target: Target, accept: str) -> _Page:
        def work() -> _Page:
            with self.transport.exchange(
                "GET", target, scope=self.repository, headers={"Accept": accept}, leave=False
            ) as answer:
                limit = f"{self.what} at {self.transport.address}"
                found = answer.status == HTTPStatus.OK
                return _Page(
                    status=answer.status,
                    media_type=answer.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                    raw=answer.small(limit=PAGE_LIMIT, what=limit) if found else b"",
                    date=answer.headers.get("Date", ""),
                    moved="" if found else answer.headers.get("Location", ""),
                    following=self._following(answer.headers.get("Link", ""), target) if found else None,
                )

        return self.transport.retrying(f"listing {self.what}", work)

    def _following(self, link: str, target: Target) -> Target | None:
        leads = next_page(link)
        if leads is None:
            return None
        return led_to(leads, target, self.transport.place, Lead.PAGE)

    def _named(self) -> str:
        return f"registry {self.transport.address}: {self.what}"


def next_page(link: str) -> str | None:
    """The address of ``rel="next"`` in a Link header (RFC 8288: several links, parameters in any order)."""
    for part in link.split("<")[1:]:
        address, _, rest = part.partition(">")
        for parameter in rest.split(",")[0].split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "rel" and "next" in value.strip().strip('"').lower().split():
                return address
    return None


def tags_of(transport: Transport, repository: str) -> tuple[tuple[str, ...], datetime]:
    """All tags of a repository, none when it does not exist, and the registry's clock at the first page."""
    found: list[str] = []
    dates: list[datetime] = []
    what = f"tags of {repository}"
    for page in _Pages(transport, repository, what).all(f"/v2/{repository}/tags/list", "application/json"):
        dates += instant(page.date)
        if page.status == HTTPStatus.NOT_FOUND:
            break
        if page.status != HTTPStatus.OK:
            raise RegistryError(f"registry {transport.address}: GET {what}: status {page.status}")
        tags = _fields(page.raw, f"registry {transport.address}: the listing of {what}").get("tags") or []
        if not isinstance(tags, list):
            raise MalformedError(f"registry {transport.address}: the tag list of {repository} is no list")
        found += [str(tag) for tag in tags]
    return tuple(found), dates[0] if dates else datetime.now(UTC)


def referrers_of(transport: Transport, repository: str, digest: Digest) -> ReferrerList:
    """What the referrers API lists for a digest, or what this registry answers in place of a list.

    An index that cannot be read is an error (`MalformedError`) and so is a refusal (401, 403): a registry that keeps
    its list to itself is not one without a list. An entry that cannot be read is left out, and a list without an end is
    cut: anybody may add to it.
    """
    where = f"referrers of {digest.short} in {repository}"
    entries: list[Descriptor] = []
    try:
        pages = _Pages(transport, repository, where).all(_path(repository, digest), MEDIA_TYPE_INDEX)
        for number, page in enumerate(pages):
            manner = _manner(page, transport)
            if manner and number:
                raise RegistryError(f"registry {transport.address}: page {number + 1} of the {where}: {manner}")
            if manner:
                return ReferrerList(manner=manner)
            entries += entries_of(page.raw, where)
    except TooLargeError:
        return ReferrerList(entries=tuple(entries), whole=False)
    return ReferrerList(entries=tuple(entries))


def entries_of(raw: bytes, where: str) -> tuple[Descriptor, ...]:
    """What a list of referrers names, without the entries that cannot be read.

    Raises `MalformedError` for what is no list, and for one in which nothing can be read.
    """
    values = _fields(raw, where).get("manifests", ())
    if values is None:
        return ()
    if not isinstance(values, list):
        raise MalformedError(f"{where}: no list of manifests")
    found = []
    for value in values:
        with suppress(MalformedError):
            found.append(Descriptor.from_json(value, where))
    if values and not found:
        raise MalformedError(f"{where}: none of its {len(values)} entries can be read")
    return tuple(found)


def _path(repository: str, digest: Digest) -> str:
    return f"/v2/{repository}/referrers/{digest}"


def _manner(page: _Page, transport: Transport) -> str:
    """What an answer is, if not an image index; known are 404, 405, 406, redirects to a web page, HTML with 200."""
    if page.moved:
        return f"status {page.status}, a redirect to {shown(page.moved)}"
    if page.status != HTTPStatus.OK:
        return f"status {page.status}"
    kind = page.media_type
    try:
        fields = _fields(page.raw, f"registry {transport.address}: a list of referrers")
    except MalformedError:
        if kind == MEDIA_TYPE_INDEX:
            raise
        return f"status 200 with {kind[:60]!a} that is not a JSON object"
    if fields.get("mediaType", MEDIA_TYPE_INDEX) != MEDIA_TYPE_INDEX or "manifests" not in fields:
        return "status 200 with JSON that is no image index"
    return ""


def _fields(raw: bytes, what: str) -> dict[str, Any]:
    try:
        return read_object(raw, what, limit=PAGE_LIMIT)
    except RefusedError as error:
        raise MalformedError(str(error), hint=error.hint) from None
