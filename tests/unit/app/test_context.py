"""The release context opens what is used: the ledger is read without any registry (W35)."""

from __future__ import annotations

import socket
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from imagekit.app.context import open_release_context, subject_of
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import Digest, Reference
from imagekit.plan.lock import NotLockedError
from imagekit.registry.client import Registry
from imagekit.services.registry import PortTakenError
from imagekit.trust.evidence.statement import signature_statement
from imagekit.trust.sign.interface import SignatureError
from tests.support.project import make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(make_project(tmp_path / "project"))


def test_history_needs_no_port(project: Project) -> None:
    """Another checkout held the embedded registry's port, and `imagekit history` was refused."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        project = replace(project, settings=Settings(registry=address))
        with open_release_context(project) as context:
            assert context.chain().records == ()
            with pytest.raises(PortTakenError), context.registry(address):
                pass


def test_who_only_reads_opens_and_makes_no_key(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """`imagekit history` asked for the password of the project's key, and made a key where there was none."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a private key was opened")

    monkeypatch.setattr("imagekit.app.trusted.signer_of", refuse)
    with open_release_context(project, decides=False) as context:
        assert context.chain().records == ()
        with pytest.raises(SignatureError, match="nothing is signed here"):
            context.signer.sign(signature_statement(Digest.of(b"")))
    assert not (project.work / "keys").exists()


def test_the_registry_is_leased_once_for_all_questions(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question opens a client; the server they share lives from the first of them to the context's end."""
    seen: list[str] = []

    class Lease:
        def __enter__(self) -> None:
            seen.append("start")

        def __exit__(self, *_: object) -> None:
            seen.append("end")

    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: Lease())
    project = replace(project, settings=Settings(registry="127.0.0.1:1"))
    with open_release_context(project) as context:
        assert seen == []
        for _ in range(2):
            with context.registry("127.0.0.1:1"):
                assert seen.count("start") > seen.count("end")
        assert seen.count("start") > seen.count("end")
    assert seen.count("start") == seen.count("end")


@pytest.mark.parametrize(
    ("locked", "published", "meant"),
    [
        (False, {"floating", "locked"}, "floating"),
        (False, {"locked"}, "locked"),
        (True, {"floating", "locked"}, "locked"),
        (True, {"floating"}, "floating"),
        (False, set(), "floating"),
        (True, set(), "locked"),
    ],
)
def test_an_image_by_its_name_is_what_was_published_of_this_checkout(
    project: Project, monkeypatch: pytest.MonkeyPatch, locked: bool, published: set[str], meant: str
) -> None:
    """CI publishes what is locked; `imagekit promote IMAGE` at a desk named the floating version."""

    class Client:
        def resolve(self, reference: Reference) -> Digest | None:
            assert reference.repository == "imagekit/small-node"
            return Digest.of(b"") if reference.tag in published else None

    monkeypatch.setattr("imagekit.plan.resolve.make_plan", planned)
    project = replace(project, locked=locked)
    with open_release_context(project, decides=False) as context:
        context = replace(context, registry=lambda _address: nullcontext(cast("Registry", Client())))
        name, reference = subject_of(project, context, "small-node")
        assert (name, reference.tag) == ("small-node", meant)
        assert subject_of(project, context, "small-node:v1")[1].tag == "v1"


def test_what_is_not_locked_asks_no_registry_for_its_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlocked(project: Project, name: str) -> SimpleNamespace:
        if project.locked:
            raise NotLockedError("nothing is locked")
        return planned(project, name)

    monkeypatch.setattr("imagekit.plan.resolve.make_plan", unlocked)
    with open_release_context(project, decides=False) as context:
        context = replace(context, registry=lambda _address: pytest.fail("the registry was asked"))
        assert subject_of(project, context, "small-node")[1].tag == "floating"


def planned(project: Project, _name: str) -> SimpleNamespace:
    """A plan, of which only the version counts."""
    return SimpleNamespace(version="locked" if project.locked else "floating")
