"""The proof of a built image: what it says of an initrd that does not unpack."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imagekit.app import image as subject
from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.removed import whiteouts
from imagekit.build.result import Build, LayerBuild
from tests.support.layout import directory, layer, layout, member


def built(folder: Path, names: tuple[str, ...]) -> Build:
    """An image of a layer each, of which the second wrote the initrd again."""
    blobs = [layer(directory("boot"), member("boot/initrd", b"whole")), layer(member("boot/initrd", b"half"))]
    digest = layout(folder, [*blobs, layer(member("x", b""))])
    rows = zip(names, (blob for blob, _ in whiteouts(folder, digest)), strict=False)
    layers = tuple(
        LayerBuild(name=name, id=name, digest=str(blob), size=1, seconds=1.0, reused=False) for name, blob in rows
    )
    return Build(
        image="node", plan_id="1", version="v1", digest=digest, layout=folder, layers=layers, seconds=1.0, reused=False
    )


@pytest.mark.parametrize(
    ("names", "said"), [(("base", "site", "stamp"), "breaks off; layer site wrote it last"), ((), "breaks off")]
)
def test_the_layer_that_damaged_the_initrd_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], said: str
) -> None:
    """Row "damaged initrd": the sentence named the file, and no layer."""

    def refuse(*_: object, **__: object) -> None:
        raise NotBootableError("it breaks off", hint="do this")

    monkeypatch.setattr(subject, "require_present", refuse)
    monkeypatch.setattr(subject, "take", lambda *_: (None, None))
    plan = cast("Any", SimpleNamespace(image="node", arch="amd64"))
    with pytest.raises(NotBootableError, match=rf"{said}$") as caught:
        subject.proven(cast("Any", None), plan, built(tmp_path / "oci", names))
    assert caught.value.hint == "do this"
