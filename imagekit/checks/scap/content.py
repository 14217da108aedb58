"""SCAP content as a suite declares it: the packages of scanner and data stream, and the profile that is asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from imagekit.config.model import Frozen, NodePath, Package

Release = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
# What an id of XCCDF 1.2 must look like: https://csrc.nist.gov/pubs/ir/7275/r4/upd1/final, section 6.2.3.
ProfileId = Annotated[str, StringConstraints(pattern=r"^xccdf_[A-Za-z0-9.-]+_profile_[A-Za-z0-9_.-]+$")]


class ScapContent(Frozen):
    """What judges the nodes of one release of a family."""

    scanner: tuple[Package, ...] = Field(min_length=1, description="packages with oscap, of the image's own release")
    content: tuple[Package, ...] = Field(min_length=1, description="packages with the data stream")
    content_from: Release | None = Field(
        None, description="the release that the content is taken from; default: the image's own"
    )
    datastream: NodePath = Field(description="where these packages have the data stream")
    profile: ProfileId = Field(description="the profile of the data stream that a node is held to, by its whole id")
