"""Suites with fixtures: their files, what an image can have of them, how a node is prepared."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from imagekit.app.target import Target, with_suite
from imagekit.base.errors import ConfigError
from imagekit.base.process import Completed
from imagekit.checks.directory import cause, domain_of
from imagekit.checks.named import PreparationError, named_suites, prepare, suites_for
from imagekit.config.load import load_project
from imagekit.fixtures.catalog import catalog, chosen
from imagekit.machine.interface import BootPath

ROOT = Path(__file__).parents[3]
HARNESS = ROOT / "vm-harness"
GOOD = "version: 1\nname: some\ndescription: x\nfixtures: [dns]\n"


def harness_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "suites").mkdir(exist_ok=True)
    (tmp_path / "suites/some.yaml").write_text(text)
    return tmp_path


def test_the_suites_of_the_house_are_sound() -> None:
    suites = named_suites(HARNESS)
    assert {"ad", "ca", "network", "proxy"} <= set(suites)
    for suite in suites.values():
        assert suite.scap or chosen(catalog(HARNESS), suite.fixtures)
        assert list((HARNESS / "checks" / suite.name).glob("test_*.py")), "a suite without checks"
        assert not (ROOT / "images" / suite.name).exists(), "a layer has that name"


def test_an_image_has_the_suites_of_its_layers() -> None:
    assert set(suites_for(HARNESS, ("base", "sssd", "ca-trust"))) >= {"ad", "ca"}
    assert "ad" not in suites_for(HARNESS, ("base", "ca-trust"))


def test_a_suite_is_read(tmp_path: Path) -> None:
    suite = named_suites(harness_with(tmp_path, GOOD))["some"]
    assert suite.boot_path is BootPath.DIRECT
    assert suite.stages == ("initramfs", "network")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("name: some", "name: other"), "is called other"),
        (GOOD.replace("[dns]", "[]"), "fixtures, scap or both"),
        (GOOD + "scap: {debian: {trixie: {}}}\n", "scanner"),
        (GOOD + "cloud_config: gone.yaml\n", "no file gone.yaml"),
        (GOOD + "cloud_config: ../../etc/passwd\n", "cloud_config"),
        (GOOD + "stages: [rootfs]\n", "stages"),
        (GOOD + "boot_path: pxe\n", "boot_path"),
        (GOOD + "secrets: {join: x}\n", "absolute path"),
        (GOOD + "reload: [sshd]\n", "reload"),
        (GOOD + "seed: true\n", "reads no seed"),
        (GOOD + "layers: [base]\nalso: [k0s]\n", "need not have for this suite"),
        (GOOD + "extra_nics: 5\n", "extra_nics"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        named_suites(harness_with(tmp_path, text))
    assert says in str(caught.value) + caught.value.hint


class Node:
    """Keeps what is run on it; commands that begin with `broken` fail."""

    def __init__(self, broken: str = "-") -> None:
        self.ran: list[str] = []
        self._broken = broken

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        self.ran.append(command)
        failed = command.startswith(self._broken)
        return Completed((command,), int(failed), "", "adcli: couldn't join: no such account" if failed else "")


def test_a_node_is_prepared_by_its_own_agent() -> None:
    node = Node()
    prepare(node, named_suites(HARNESS)["ad"], HARNESS)  # type: ignore[arg-type]  # a node needs no more here
    text = " ".join(node.ran)
    assert "run-stage --strict --override-cloud-init-paths /run/imagekit-suite initramfs" in text
    assert text.index(" initramfs") < text.index("-paths /run/imagekit-suite network") < text.index("restart sshd")
    assert base64.b64encode(b"One-time-1-imagekit").decode() in node.ran[0]
    assert "umask 077" in node.ran[0]


def test_a_node_that_does_not_take_it_is_an_error_with_its_words() -> None:
    with pytest.raises(PreparationError, match="not prepared for suite ad") as caught:
        prepare(Node("kairos-agent"), named_suites(HARNESS)["ad"], HARNESS)  # type: ignore[arg-type]
    assert "no such account" in caught.value.hint
    assert "ad.cloud-config.yaml" in caught.value.hint


def test_a_node_that_has_it_by_its_seed_is_not_prepared() -> None:
    node = Node()
    prepare(node, named_suites(HARNESS)["network"], HARNESS)  # type: ignore[arg-type]
    assert node.ran == []


def test_a_seed_brings_the_suites_cloud_config_on_top_of_the_images(tmp_path: Path) -> None:
    """Where two files name the node, the later one holds, as in what a machine gets of several files."""
    suite = named_suites(HARNESS)["ad"].model_copy(update={"seed": True, "boot_path": BootPath.INSTALLED})
    target = Target(project=load_project(ROOT), name="debian-node", run_id="x", folder=tmp_path)
    plain, seeded = target.cloud_config, with_suite(target, suite)
    assert with_suite(target, named_suites(HARNESS)["ad"]).cloud_config == plain
    steps = seeded.cloud_config["stages"]["initramfs"]
    assert [str(step["hostname"]) for step in steps if "hostname" in step] == [
        "node-{{ trunc 4 .MachineID }}",
        "node-ad",
    ]
    assert steps[-1]["files"][0]["path"] == "/etc/krb5/join-password"
    assert steps[-1]["files"][0]["permissions"] == 0o600
    assert seeded.profile[-1].name == "ad.cloud-config.yaml"


def test_a_suite_has_the_cards_that_it_asks_for(tmp_path: Path) -> None:
    target = Target(project=load_project(ROOT), name="debian-node", run_id="x", folder=tmp_path)
    assert target.shape.extra_nics == 0
    assert with_suite(target, named_suites(HARNESS)["network"]).shape.extra_nics == 4


def test_the_profile_for_people_is_the_text_that_is_tested() -> None:
    """cloud-config/profiles/ad-joined.yaml with the fixture's domain is what the suite joins with; so is proxy.yaml."""

    def steps(path: Path) -> list[str]:
        lines = path.read_text().splitlines()
        return lines[lines.index("stages:") :]

    told = "\n".join(steps(ROOT / "cloud-config/profiles/ad-joined.yaml"))
    told = told.replace("ad.example.com", "ad.imagekit.test").replace("AD.EXAMPLE.COM", "AD.IMAGEKIT.TEST")
    assert told.splitlines() == steps(HARNESS / "suites/ad.cloud-config.yaml")
    told = "\n".join(steps(ROOT / "cloud-config/profiles/proxy.yaml")).replace(
        "proxy.example.com", "proxy.imagekit.test"
    )
    assert told.splitlines() == steps(HARNESS / "suites/proxy.cloud-config.yaml")


def test_the_domain_is_read_out_of_sssd_conf() -> None:
    text = "[sssd]\ndomains = ad.x.test, other\n[domain/ad.x.test]\nid_provider = ad\n"
    assert (domain_of(text).name, domain_of(text).realm) == ("ad.x.test", "AD.X.TEST")
    assert domain_of(text + "krb5_realm = WRONG.TEST\n").realm == "WRONG.TEST"


@pytest.mark.parametrize("text", ["", "[sssd]\n", "domains = x\n", "[sssd]\ndomains = a\n"])
def test_an_sssd_conf_without_a_domain_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="names no domain"):
        domain_of(text)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("kinit: Clock skew too great while getting initial credentials", "clocks"),
        ("kinit: Preauthentication failed while getting initial credentials", "changed elsewhere"),
        ("kinit: Client 'X$@Y' not found in Kerberos database while", "renamed or removed"),
        ("kvno: Server not found in Kerberos database while getting credentials for ldap/dc2", "no service principal"),
        ('kinit: Cannot find KDC for realm "WRONG.TEST" while', "DNS"),
        ("kinit: Client's credentials have been revoked while", "disabled"),
        ("kinit: Something else", "kinit: Something else"),
    ],
)
def test_kerberos_words_have_a_meaning(said: str, means: str) -> None:
    assert means in cause(said)
    assert said in cause(said)
