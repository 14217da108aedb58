"""policy.yaml: what a digest must have before it enters a channel."""

from __future__ import annotations

import json
from datetime import timedelta
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, StringConstraints, model_validator

from imagekit.base.earlier import boot_path_today, check_id_today
from imagekit.base.errors import ConfigError
from imagekit.config.load import parse_file
from imagekit.config.model import Frozen, Name, ProjectPath
from imagekit.machine.interface import Start
from imagekit.oci.reference import Digest
from imagekit.trust.sign.trust import TrustStore

POLICY_FILE = Path("policy.yaml")
PUBLISH = "publish"
CURRENT = "current"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _span(text: str) -> str:
    span(text)
    return text


def span(text: str) -> timedelta:
    """A time span such as ``90m``, ``12h`` or ``14d``; raises `ValueError`."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdecimal()) or len(number) > 5 or unit not in _UNITS:
        raise ValueError("must be a number and m, h or d, such as 14d")
    return timedelta(**{_UNITS[unit]: int(number)})


Span = Annotated[str, AfterValidator(_span)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(check_id_today)]
PathName = Annotated[Name, BeforeValidator(boot_path_today)]
SuiteName = Annotated[str, StringConstraints(pattern=rf"^({CURRENT}|[0-9a-f]{{64}})$")]


class SbomFormat(StrEnum):
    """The two published formats of a bill of materials."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"


class Signatures(Frozen):
    """Who must have signed the digest."""

    least: int = Field(1, ge=1, le=9, description="how many different trusted keys must have signed the digest")
    keys: tuple[Name, ...] = Field((), description="ids of trust.yaml that count here; default: every build key")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.keys and len(set(self.keys)) < self.least:
            raise ValueError(f"{self.least} keys must have signed, and {len(set(self.keys))} may")
        return self


class HardeningScore(Frozen):
    """How much of a hardening profile must hold."""

    profile: Literal["server-1", "server-2"] = Field(description="server-1: controls of level 1; server-2: all")
    minimum: float = Field(ge=0, le=1, description="the share of its controls that must have passed, such as 0.9")


class Tests(Frozen):
    """Which test results count, and what they must say."""

    suites: tuple[SuiteName, ...] = Field(
        (CURRENT,), description="hashes of check suites that count; current: that of the checks in this project"
    )
    boot_paths: tuple[PathName, ...] = Field(
        (),
        validation_alias=AliasChoices("boot_paths", "roads"),  # its name until 2026-12
        description="boot paths on which the image must have been tested",
    )
    checks: tuple[Glob, ...] = Field((), description="ids (globs) of checks that must have passed, each at least once")
    required_suites: tuple[Name, ...] = Field(
        (), description="suites that must have been run, by name: a layer, or hardening, kernel, ..."
    )
    hardening: HardeningScore | None = Field(None, description="the score of a hardening profile; null: none is asked")
    scenarios: tuple[Name, ...] = Field((), description="lifecycle scenarios that must have passed")
    start: Literal[Start.COLD] | None = Field(
        None, description="cold: results of forks of a booted machine do not count, see docs/forks.md"
    )
    max_age: Span | None = Field(None, description="how old a test result may be, e.g. 14d")
    muted: bool = Field(
        False, description="whether a check that did not pass counts as waived while a mute of it lasts"
    )


class Provenance(Frozen):
    """What must be known of how the image was made."""

    required: bool = Field(True, description="whether provenance must be attached")
    builders: tuple[str, ...] = Field((), description="builder ids that count; default: any")
    clean_source: bool = Field(False, description="refuse an image made from changes that are in no commit")


class Soak(Frozen):
    """How long a digest must have been in another channel."""

    channel: Name = Field(description="the channel before")
    time: Span = Field(description="how long it must have been there, e.g. 3d")


class Approvals(Frozen):
    """Who must have said yes."""

    persons: int = Field(1, ge=1, le=9, description="how many different persons must have approved")
    max_age: Span | None = Field(None, description="how old an approval may be")
    apart_from_builder: bool = Field(True, description="the person of the key that signed the image does not count")


class ChangeProvider(Frozen):
    """What asks the change system; docs/change-records.md has its contract."""

    run: ProjectPath | None = Field(None, description="executable of the project, which answers with JSON")
    entry_point: Name | None = Field(None, description="or an entry point of the group imagekit.change_providers")
    seconds: int = Field(20, ge=1, le=300, description="how long it may take")
    environment: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")], ...] = Field(
        (), description="variables of the environment that it is given: addresses and tokens"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.run is None) == (self.entry_point is None):
            raise ValueError("exactly one of run and entry_point must be given")
        return self

    @property
    def name(self) -> str:
        """As reports call it."""
        return self.run or f"entry point {self.entry_point}"


class Emergency(Frozen):
    """Who may go without a change record, and for how long."""

    persons: int = Field(2, ge=2, le=9, description="how many different persons must sign for the emergency")
    longest: Span = Field("8h", description="how long after its signing it may expire")


class Change(Frozen):
    """The change record that a digest must come with."""

    provider: ChangeProvider
    approvals: int = Field(1, ge=1, le=9, description="how many different persons must have approved the change")
    emergency: Emergency | None = Field(Emergency(), description="null: nobody can go without a record")


class Waivers(Frozen):
    """Whether a check or scenario that did not pass may be waived."""

    persons: int = Field(1, ge=0, le=9, description="how many different persons must have waived it; 0: none can")
    longest: Span = Field("30d", description="how long after its signing a waiver may expire")
    never: tuple[Glob, ...] = Field((), description="checks and scenarios (globs) that nobody can waive")


class Vulnerabilities(Frozen):
    """How many known vulnerabilities of each kind are allowed; null: as many as there are."""

    fixable: int | None = Field(0, ge=0, description="that a later version of the distribution does not have")
    unfixed: int | None = Field(None, ge=0, description="that every version of the distribution has")
    undetermined: int | None = Field(None, ge=0, description="that the distribution has not looked at")
    grave: int | None = Field(None, ge=0, description="of urgency high or critical, with a fix or without")
    data_age: Span = Field("7d", description="how old the advisories may be; older ones tell nothing")


class Certificates(Frozen):
    """How long before its end a certificate of the image warns and blocks."""

    warn: Span = Field("60d", description="from when on the gate says it")
    block: Span = Field("14d", description="from when on the gate is closed")


class Requirements(Frozen):
    """What one channel asks for."""

    signatures: Signatures = Signatures()
    tests: Tests | None = Field(Tests(), description="null: no test result is asked for")
    sbom: tuple[SbomFormat, ...] = Field(
        (SbomFormat.CYCLONEDX, SbomFormat.SPDX), description="bills of materials that must be there and list something"
    )
    provenance: Provenance = Provenance()
    embedded: bool = Field(False, description="whether an image that stands on the stand-in may enter")
    vulnerabilities: Vulnerabilities | None = Field(None, description="null: nobody looks at them")
    certificates: Certificates | None = Field(None, description="null: nobody looks at what expires")
    soak: Soak | None = Field(None, description="how long a digest must have been in another channel; null: not at all")
    approvals: Approvals | None = Field(None, description="who must have said yes; null: nobody")
    change: Change | None = Field(None, description="the change record that must name the digest; default: none")
    waivers: Waivers = Waivers()


class Policy(Frozen):
    """policy.yaml"""

    version: Literal[1] = Field(description="version of this file format")
    publish: Requirements = Field(description="before a digest gets its version tag")
    channels: dict[Name, Requirements] = Field(min_length=1, description="before a digest enters each channel")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if PUBLISH in self.channels:
            raise ValueError(f"no channel can be called {PUBLISH}; what a version tag needs stands at the top")
        for name, wanted in {PUBLISH: self.publish, **self.channels}.items():
            if wanted.soak is not None and (wanted.soak.channel not in self.channels or wanted.soak.channel == name):
                raise ValueError(f"{name}: soak: {wanted.soak.channel} is no other channel of this policy")
        return self

    def of(self, channel: str) -> Requirements:
        """What a channel (or ``publish``) asks for; raises `ConfigError` for an unknown one."""
        if channel == PUBLISH:
            return self.publish
        if channel not in self.channels:
            raise ConfigError(
                f"the policy knows no channel {channel!r}", hint=f"It knows: {', '.join(self.channels)}, {PUBLISH}."
            )
        return self.channels[channel]

    @property
    def digest(self) -> Digest:
        """A name for what the policy says, whatever its layout and comments."""
        return Digest.of(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode())


def require_known(policy: Policy, trust: TrustStore) -> None:
    """Raise `ConfigError` where policy and trust file name what the other does not have: a rule that binds nobody."""
    ids = {key.id for key in trust.keys}
    for name, wanted in {PUBLISH: policy.publish, **policy.channels}.items():
        unknown = sorted(set(wanted.signatures.keys) - ids)
        if unknown:
            raise ConfigError(
                f"{POLICY_FILE}: {name}: signatures: no key {unknown[0]!r} in trust.yaml",
                hint=f"Keys there: {', '.join(sorted(ids)) or 'none'}.",
            )
    for key in trust.keys:
        unknown = sorted(set(key.channels) - {PUBLISH, *policy.channels})
        if unknown:
            raise ConfigError(
                f"trust.yaml: key {key.id}: the policy knows no channel {unknown[0]!r}",
                hint=f"It knows: {', '.join(policy.channels)}, {PUBLISH}.",
            )


def load_policy(root: Path) -> Policy:
    """The project's policy, or the one that imagekit brings; raises `ConfigError`."""
    path = root / POLICY_FILE
    if path.exists():
        return parse_file(Policy, path)
    with resources.as_file(resources.files(__package__) / "default.yaml") as default:
        return parse_file(Policy, default)
