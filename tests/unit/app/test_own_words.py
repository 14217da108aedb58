"""What is signed here is read back before it counts: a key whose word nobody takes changes nothing, anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.app.context import open_release_context
from imagekit.app.people import Hand, approve, waive
from imagekit.app.trusted import gate_of, keys_of, signer_of, trust_of
from imagekit.base.errors import ConfigError, RefusedError
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.release.ledger.chain import read_chain
from imagekit.release.ledger.judge import VerifierJudge
from imagekit.trust.evidence.statement import Statement, signature_statement
from imagekit.trust.sign.checked import CheckedSigner
from imagekit.trust.sign.interface import SignatureError
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from imagekit.trust.sign.trustedit import write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.images import write_image
from tests.support.project import commit, git, make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.release import ADA, trusted
from tests.support.released import NAME, release

pytestmark = pytest.mark.attack
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class House:
    """A project, its registry, a release in it, and whom trust.yaml trusts."""

    project: Project
    world: RegistrySimulator
    reference: Reference

    def trust(self, **fields: object) -> None:
        """Let trust.yaml say of the project's own key, the only one here, what `fields` say, and commit it."""
        pem = keys_of(self.project).public_path.read_text()
        entry = {"id": "own", "pem": pem, "purposes": (Purpose.BUILD, Purpose.PROMOTE), **fields}
        write_trust(self.project.root, TrustFile(version=1, keys=(TrustedKey.model_validate(entry),)))
        commit(self.project.root, "trust", "2026-11-22T12:00:00+00:00")

    def state(self) -> tuple[str, str, str]:
        """All that a decision could change."""
        root = self.project.root
        return self.world.snapshot(), git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain", "-uno")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    root = make_project(tmp_path / "project")
    (root / ".git/info/exclude").write_text(".imagekit\n")
    image = write_image(tmp_path / "oci", labels={"org.opencontainers.image.version": "v1"})
    with simulated_registry(referrers_api=True) as world, world.client() as client:
        project = replace(load_project(root), settings=Settings(registry=world.address))
        project.work.mkdir()
        yield House(project, world, release(project, image, client))


def _promote(house: House) -> None:
    with open_release_context(house.project, actor="Bob") as context:
        promote(context, house.reference, "dev", image=NAME)


def _yank(house: House) -> None:
    with open_release_context(house.project, actor="Bob") as context:
        yank(context, house.reference, image=NAME, reason="CVE-2026-1", homes=[])


def _approve(house: House) -> None:
    with house.world.client() as client:
        approve(_hand(house), client, house.reference, channel="prod", reason="")


def _waive(house: House) -> None:
    with house.world.client() as client:
        waive(
            _hand(house),
            client,
            house.reference,
            check="scenario/install",
            channels=["dev", "prod"],
            reason="r",
            days=1,
        )


def _hand(house: House) -> Hand:
    return Hand(project=house.project, person=ADA, key=".imagekit/keys/cosign.key")


DECISIONS = {"promote": _promote, "yank": _yank, "approve": _approve, "waive": _waive}
NOW = datetime.now(UTC).replace(microsecond=0)
KEYS: dict[str, tuple[dict[str, object], str]] = {
    "not trusted": ({"pem": trusted("eve", Purpose.BUILD).pem}, "a key that is not trusted"),
    "expired": ({"not_after": NOW - DAY}, "after key own expired"),
    "not yet valid": ({"not_before": NOW + DAY}, "before key own is valid"),
    "revoked": ({"revoked": "stolen"}, "is revoked"),
    "for something else": ({"purposes": (Purpose.BUILD,)}, "trusted to build, not to"),
}


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("state", KEYS)
def test_a_key_whose_word_does_not_count_changes_nothing(house: House, decision: str, state: str) -> None:
    """D35, D33: yank said `denied` and nobody honoured it; promote left a ledger that no command could read."""
    fields, says = KEYS[state]
    everything: dict[str, object] = {"purposes": tuple(Purpose), "person": ADA}
    house.trust(**everything | fields)
    before = house.state()
    with pytest.raises(RefusedError, match=says):
        DECISIONS[decision](house)
    assert house.state() == before
    assert not (house.project.root / "waivers").exists()


@pytest.mark.parametrize("decision", ["promote", "approve", "waive"])
def test_a_key_of_another_channel_changes_nothing(house: House, decision: str) -> None:
    """D4: a key trusted for one channel decided about others."""
    house.trust(purposes=tuple(Purpose), person=ADA, channels=("staging", "publish"))
    before = house.state()
    with pytest.raises(RefusedError, match=r"not trusted for channel (dev|prod)"):
        DECISIONS[decision](house)
    assert house.state() == before


def test_a_promoter_of_another_channel_changes_nothing_where_the_gate_is_open(house: House) -> None:
    """D4, as it was found: the builder's key serves every channel, and the promoter's is another one."""
    build = keys_of(house.project).public_path.read_text()
    promoter = KeyStore(house.project.work / "keys", name="promoter", environ={PASSWORD_VARIABLE: "correct horse"})
    promoter.ensure()

    def trust(*channels: str) -> None:
        own = TrustedKey(id="builder", pem=build, purposes=(Purpose.BUILD,))
        other = TrustedKey(
            id="promoter",
            pem=promoter.public_path.read_text(),
            purposes=(Purpose.PROMOTE,),
            channels=channels,
        )
        write_trust(house.project.root, TrustFile(version=1, keys=(own, other)))
        commit(house.project.root, "trust", "2026-11-22T12:00:00+00:00")

    trust("staging")
    before = house.state()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(PASSWORD_VARIABLE, "correct horse")
        with house.world.client() as client:
            assert gate_of(house.project, client, house.reference, "dev").passed
        with pytest.raises(SignatureError, match="key promoter is not trusted for channel dev"):
            _promote(house)
        assert house.state() == before
        trust("staging", "dev")
        _promote(house)
    assert (house.project.root / "channels/dev.yaml").exists()


def test_history_does_not_accept_a_record_by_a_key_of_another_channel(house: House) -> None:
    """D4: a record for dev, read where its key is trusted for staging alone."""
    house.trust()
    _promote(house)
    records = [(path.name, path.read_bytes()) for path in (house.project.root / "ledger").glob("*.json")]
    assert len(read_chain(records, VerifierJudge(trust_of(house.project).verifier(Purpose.PROMOTE))).records) == 1
    house.trust(channels=("staging",))
    with pytest.raises(RefusedError, match="not trusted for channel dev"):
        read_chain(records, VerifierJudge(trust_of(house.project).verifier(Purpose.PROMOTE)))


def test_a_gate_whose_files_do_not_know_each_other_tells_nothing(house: House) -> None:
    """D23: a key for channel `pord` would serve none; said by the gate itself, whoever asks it."""
    house.trust(channels=("pord", "publish"))
    with house.world.client() as client, pytest.raises(ConfigError, match="the policy knows no channel 'pord'"):
        gate_of(house.project, client, house.reference, "dev")


@pytest.mark.parametrize("decision", ["promote", "yank"])
def test_a_good_key_decides(house: House, decision: str) -> None:
    house.trust(channels=("dev", "publish") if decision == "promote" else ())
    before = house.state()
    DECISIONS[decision](house)
    assert house.state()[:2] != before[:2]


def test_of_two_keys_the_one_that_serves_the_channel_signs(house: House) -> None:
    """D4, variant: a clone with a key for each channel."""
    environ = {PASSWORD_VARIABLE: "correct horse"}
    keys = []
    for name, channels in (("dev-key", ("dev", "publish")), ("prod-key", ("prod",))):
        store = KeyStore(house.project.work / "keys", name=name, environ=environ)
        store.ensure()
        pem = store.public_path.read_text()
        keys.append(TrustedKey(id=name, pem=pem, purposes=(Purpose.BUILD, Purpose.PROMOTE), channels=channels))
    write_trust(house.project.root, TrustFile(version=1, keys=tuple(keys)))
    labels = {
        channel: signer_of(house.project, Purpose.PROMOTE, channels=[channel], environ=environ).label
        for channel in ("dev", "prod")
    }
    assert [labels["dev"], labels["prod"]] == [holder.material for holder in trust_of(house.project).holders]


def test_a_rollback_by_a_key_that_expired_since_commits_nothing(house: House) -> None:
    """D35, variant."""
    house.trust()
    _promote(house)
    house.trust(not_after=NOW + timedelta(seconds=0))
    before = house.state()
    with pytest.raises(RefusedError), open_release_context(house.project, actor="Bob") as context:
        rollback(replace(context, now=NOW + DAY), "dev", image=NAME, reason="x")
    assert house.state() == before


def test_a_denial_file_that_is_none_is_not_attached_in_the_name_of_a_yank(house: House) -> None:
    """D35, variant: what stands under yanks/ already was attached unread."""
    house.trust()
    digest = house.reference.digest
    assert digest is not None
    path = house.project.root / "yanks" / f"{digest.hex}.json"
    path.parent.mkdir()
    path.write_bytes(b'{"dsseEnvelope": "forged"}')
    commit(house.project.root, "forged", "2026-11-22T12:00:00+00:00")
    _yank(house)
    denial = trust_of(house.project).verifier(Purpose.PROMOTE).denial(path.read_bytes())
    assert denial is not None
    assert (denial.reason, denial.flaw) == ("CVE-2026-1", "")


def test_what_is_signed_must_read_back_as_what_was_said(house: House) -> None:
    """D33, variant: a signer that signs something else, such as another cosign first in PATH."""
    house.trust()
    own = KeyStore(house.project.work / "keys").open()
    image = Digest.of(b"image")

    class Liar:
        label = "liar"

        def sign(self, statement: Statement) -> bytes:
            return own.sign(signature_statement(image, {"said": "something else"}))

    signer = CheckedSigner(Liar(), trust_of(house.project).verifier(Purpose.BUILD))
    with pytest.raises(SignatureError, match="reads back as something else"):
        signer.sign(signature_statement(image))
