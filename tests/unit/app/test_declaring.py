"""The card names the line of the declaration (operator.md: "names the Dockerfile, not layer.yaml")."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.declaring import declared_at
from imagekit.checks.outcome import Outcome
from imagekit.report.card import card_of
from imagekit.report.result import RunResult, UnitJournal
from tests.unit.report.sample import check, good
from tests.unit.report.test_card import UNIT, broken, card, failed

LAYER = """\
version: 1
name: sssd
packages:
  debian: [sssd, sssd-tools, sssd-ldap]
present:
  # modules: [zram]
  modules: [wireguard]
  units:
    - sssd.service
    - sssd.service.d
  files: [/etc/sssd/sssd.conf]
"""
PROOF = "debian-node: 1 of 65 declared things are not in the artifact: sssd: "
MODULE = replace(check(1, "sssd", Outcome.FAILED, "it is not there"), title="Each module is there [wireguard]")


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (failed(UNIT), 9),
        (failed(MODULE), 7),
        (broken("proof", f"{PROOF}package sssd-tools"), 4),
        (broken("proof", f"{PROOF}kernel module wireguard"), 7),
        (broken("proof", f"{PROOF}file /etc/sssd/sssd.conf"), 11),
        (broken("proof", f"{PROOF}kernel module zram"), 0),
        (broken("proof", f"{PROOF}package sss"), 0),
        (broken("plan", "something else"), 0),
        (good(), 0),
    ],
)
def test_the_line_is_named_when_it_is_sure(tmp_path: Path, result: RunResult, line: int) -> None:
    (tmp_path / "images/sssd").mkdir(parents=True)
    (tmp_path / "images/sssd/layer.yaml").write_text(LAYER)
    found = declared_at(tmp_path, result)
    assert found == (f"images/sssd/layer.yaml:{line}" if line else "")
    card = card_of(replace(result, declared=found))
    assert card is None or not found or found in card.first.places


def test_a_layer_that_is_not_the_projects_has_no_line(tmp_path: Path) -> None:
    assert declared_at(tmp_path, failed(UNIT)) == ""


def test_a_registry_is_declared_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "imagekit.yaml").write_text("version: 1\n# registry.example: ours\nregistry: registry.example:5000\n")
    result = broken("needs", "registry registry.example:5000: ping: GET https://registry.example: Failed to resolve")
    assert declared_at(tmp_path, result) == "imagekit.yaml:3"


def test_an_embedded_registry_is_declared_nowhere(tmp_path: Path) -> None:
    assert declared_at(tmp_path, broken("publish", "registry 127.0.0.1:20555: ping: GET: refused")) == ""


SSHD = "imagekit: lint: sshd does not accept its configuration: /etc/ssh/sshd_config.d/10-ours.conf: line 4: Bad option"
SUDO = "imagekit: lint: visudo does not accept sudo's rules: /etc/sudoers.d/20-ops:2:25: syntax error"
SSSD = "[rule/allowed_options]: Attribute 'id_provder' is not allowed in section 'domain/ad'. Check for typos."
BUILD = "layer 'sssd' did not build (images/sssd/Dockerfile)"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (SSHD, "images/sssd/files/etc/ssh/sshd_config.d/10-ours.conf:4"),
        (SUDO, "images/sssd/files/etc/sudoers.d/20-ops:2"),
        (
            "error: /etc/ssh/sshd_config.d/10-ours.conf:7: what is this",
            "images/sssd/files/etc/ssh/sshd_config.d/10-ours.conf:7",
        ),
        ("error: /etc/ssh/sshd_config: line 4: not ours", ""),
        (SSSD, "images/sssd/files/usr/share/sssd.conf.template:3"),
        ("error: Attribute 'services' is not allowed", ""),  # on two lines
        ("error: Attribute 'nowhere' is not allowed", ""),
    ],
)
def test_the_line_of_a_layers_own_file_is_named(tmp_path: Path, said: str, place: str) -> None:
    files = {
        "etc/ssh/sshd_config.d/10-ours.conf": "# ours\nUseDNS no\n",
        "etc/sudoers.d/20-ops": "# ours\n%ops ALL=(ALL) NOPASSWD ALL\n",
        "usr/share/sssd.conf.template": "[domain/ad]\n# more\nid_provder = ad\nservices = nss\nservices = pam\n",
    }
    for name, text in files.items():
        (tmp_path / "images/sssd/files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images/sssd/files" / name).write_text(text)
    assert declared_at(tmp_path, broken("build", BUILD, hint=said)) == place


PACKAGES = """\
packages:
  debian:
    - {amd64: grub-pc-bin}
    - jqq
  rhel: [jqq, grub-pc-bin]
"""


@pytest.mark.parametrize(
    ("family", "package", "line"),
    [("debian", "jqq", 4), ("rhel", "jqq", 5), ("debian", "grub-pc-bin", 3), ("debian", "jq", 0), ("", "jqq", 0)],
)
def test_a_package_in_the_lists_of_two_families_has_the_line_of_its_own(
    tmp_path: Path, family: str, package: str, line: int
) -> None:
    (tmp_path / "images/sssd").mkdir(parents=True)
    (tmp_path / "images/sssd/layer.yaml").write_text(PACKAGES)
    result = broken("build", BUILD, hint=f"E: Unable to locate package {package}")
    assert declared_at(tmp_path, result, family) == (f"images/sssd/layer.yaml:{line}" if line else "")


@pytest.mark.parametrize("text", ["packages: [", "packages: 3", "- packages", ""])
def test_a_layer_file_that_is_none_has_no_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "images/sssd").mkdir(parents=True)
    (tmp_path / "images/sssd/layer.yaml").write_text(text)
    result = broken("build", BUILD, hint="E: Unable to locate package jqq")
    assert declared_at(tmp_path, result, "debian") == ""


def unit_file(root: Path, layer: str, name: str, text: str) -> str:
    path = root / f"images/{layer}/files/etc/systemd/system/{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path.relative_to(root))


NO_UNIT_FAILED = replace(
    check(1, "base", Outcome.FAILED, "expected nothing, found: ours.service"), title="No unit is in state failed"
)


def test_a_unit_of_another_layer_than_the_checks_is_found_and_that_layer_brought_it(tmp_path: Path) -> None:
    """The check is of `base`; whoever is called at night has to look at the layer that brought the unit."""
    file = unit_file(tmp_path, "sssd", "ours.service", "[Unit]\n[Service]\nType=oneshot\nExecStart=/bin/false\n")
    wants = tmp_path / "images/sssd/files/etc/systemd/system/multi-user.target.wants/ours.service"
    wants.parent.mkdir()
    wants.symlink_to("../ours.service")
    result = failed(NO_UNIT_FAILED)
    found = declared_at(tmp_path, result)
    assert found == f"{file}:4"
    card = card_of(replace(result, declared=found))
    assert card is not None
    assert card.first.brought.startswith("layer sssd, images/sssd, ")
    assert f"{file}:4" in card.first.places


def test_a_layer_that_the_image_has_not_brought_nothing(tmp_path: Path) -> None:
    unit_file(tmp_path, "other", "ours.service", "[Service]\nExecStart=/bin/false\n")
    assert declared_at(tmp_path, failed(NO_UNIT_FAILED)) == ""


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("systemd-sysctl[120]: Couldn't write 'bbr3' to 'net/ipv4/tcp_congestion_control': No such file", ":3"),
        ("systemd-sysctl[120]: /etc/sysctl.d/60-ours.conf:2: not an assignment", ":2"),
        ("systemd-sysctl[120]: Couldn't write 'reno' to 'net/ipv4/tcp_congestion_control': No such file", ""),
    ],
)
def test_a_word_of_the_units_journal_leads_to_the_line(tmp_path: Path, said: str, line: str) -> None:
    path = tmp_path / "images/sssd/files/etc/sysctl.d/60-ours.conf"
    path.parent.mkdir(parents=True)
    path.write_text("# ours\nnet.ipv4.ip_forward = 1\nnet.ipv4.tcp_congestion_control = bbr3\n")
    bad = replace(NO_UNIT_FAILED, message="expected nothing, found: systemd-sysctl.service")
    journal = UnitJournal(unit="systemd-sysctl.service", lines=("systemd[1]: Starting", said))
    found = declared_at(tmp_path, failed(bad, journals=(journal,)))
    assert found == (f"images/sssd/files/etc/sysctl.d/60-ours.conf{line}" if line else "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (f"{PROOF.replace('sssd: ', 'base: ')}enabled unit NetworkManager.service, removed by layer sssd", 2),
        (f"{PROOF.replace('sssd: ', 'base: ')}module file zram (/usr/lib/modules/6/zram.ko), removed by layer sssd", 3),
        ("the initrd of the image, /boot/initrd, is damaged: it breaks off; layer sssd wrote it last", 4),
    ],
)
def test_what_a_layer_does_to_another_ones_thing_stands_in_its_program(tmp_path: Path, error: str, line: int) -> None:
    (tmp_path / "images/sssd").mkdir(parents=True)
    (tmp_path / "images/sssd/layer.yaml").write_text(LAYER)
    program = (
        "# ours\nsystemctl disable NetworkManager.service\nrm -f /usr/lib/modules/*/zram.ko*\ncat x > /boot/initrd\n"
    )
    (tmp_path / "images/sssd/setup.sh").write_text(program)
    assert declared_at(tmp_path, broken("proof", error)) == f"images/sssd/setup.sh:{line}"


def test_a_line_of_the_layers_own_program_is_named_as_the_step_sees_it(tmp_path: Path) -> None:
    (tmp_path / "images/sssd").mkdir(parents=True)
    (tmp_path / "images/sssd/setup.sh").write_text("mkdir -p /x\nsytemctl enable x\n")
    result = broken("build", BUILD, hint="/media/setup.sh: 2: sytemctl: not found")
    assert declared_at(tmp_path, result) == "images/sssd/setup.sh:2"
    assert "No program of this name is in the image" in card(result).hint


def test_a_certificate_is_named_as_it_lies_in_the_layer(tmp_path: Path) -> None:
    (tmp_path / "images/sssd/files").mkdir(parents=True)
    (tmp_path / "images/sssd/files/site-root.crt").write_text("x")
    (tmp_path / "images/sssd/layer.yaml").write_text(LAYER)
    error = "layer sssd: 1 of the declared authorities cannot be taken: site-root.crt, certificate 1 (CN=x): not yet"
    assert declared_at(tmp_path, broken("plan", error)) == "images/sssd/files/site-root.crt"


@pytest.mark.parametrize(
    ("title", "place"),
    [
        ("timesyncd runs, which the profile configures", "cloud-config/time.yaml:5"),
        ("name server 192.0.2.53 is in /etc/resolv.conf", "cloud-config/node.yaml:4"),
        ("account zoe has the shell /bin/bash", "cloud-config/node.yaml:2"),
        ("the host name is the declared one", ""),
    ],
)
def test_what_did_not_arrive_of_the_profile_has_its_line_there(tmp_path: Path, title: str, place: str) -> None:
    files = {
        "cloud-config/node.yaml": "#cloud-config\nusers: [{name: zoe, shell: /bin/bash}]\n\ny: 192.0.2.53\n",
        "cloud-config/time.yaml": "#cloud-config\nstages:\n  initramfs:\n  - name: time\n    timesyncd: {NTP: a}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    result = failed(replace(UNIT, layer="base", runbook="profile", message=f"{title}: no, the node says '' to x"))
    assert declared_at(tmp_path, result, "debian", files) == place
