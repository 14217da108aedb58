"""SSSD: installed and wired, with a template that is valid, and waiting for a domain."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("sssd")
KEYTAB = "/etc/krb5/krb5.keytab"
TEMPLATE = "/usr/share/imagekit/sssd/sssd.conf.template"
# sssctl reads only files that belong to root alone, and wants a conf.d beside them.
CHECK = (
    "d=$(mktemp -d) && mkdir -m 0700 $d/conf.d && install -m 0600 {source} $d/sssd.conf && {edit} "
    "sssctl config-check --config=$d/sssd.conf --snippet=$d/conf.d; r=$?; rm -r $d; exit $r"
)


@pytest.fixture(scope="session")
def template(host: Host) -> str:
    """The text of the configuration template."""
    return str(host.file(TEMPLATE).content_string)


@pytest.fixture(scope="session")
def pam(host: Host) -> str:
    """The PAM files that every login goes through; each family has its own names for them."""
    names = "common-auth common-account common-password common-session system-auth password-auth"
    return str(host.run(f"cd /etc/pam.d && cat {names} 2>/dev/null").stdout)


@pytest.mark.container
def test_declared_packages_are_installed(host: Host) -> None:
    """Every package that the layer declares is installed."""
    assert [name for name in declared.packages("sssd") if not host.package(name).is_installed] == []


@pytest.mark.container
def test_template_is_valid(root: Host) -> None:
    """SSSD's own check finds no fault with the template for Active Directory."""
    done = root.run(CHECK.format(source=TEMPLATE, edit=""))
    assert done.rc == 0, done.stdout + done.stderr
    assert "Issues identified by validators: 0" in done.stdout


@pytest.mark.container
def test_the_check_can_say_no(root: Host) -> None:
    """SSSD's own check refuses the template with an option that does not exist."""
    done = root.run(CHECK.format(source=TEMPLATE, edit="echo 'no_such_option = 1' >>$d/sssd.conf &&"))
    assert done.rc != 0
    assert "no_such_option" in done.stdout


@pytest.mark.runbook("ad-sssd")
def test_it_is_started_again(host: Host) -> None:
    """SSSD is started again when it ends with an error, as when its provider is slow in a busy boot."""
    assert host.run("systemctl show -P Restart sssd.service").stdout.strip() == "on-failure"


@pytest.mark.container
def test_template_is_for_active_directory(template: str) -> None:
    """The template asks Active Directory for accounts and for access."""
    assert re.search(r"^id_provider\s*=\s*ad$", template, re.MULTILINE)
    assert re.search(r"^access_provider\s*=\s*ad$", template, re.MULTILINE)


@pytest.mark.container
def test_template_holds_no_secret(template: str) -> None:
    """The template has no password and no bind account."""
    assert not re.search(r"^\s*\w*(authtok|password|bind_dn)\s*=", template, re.MULTILINE)


@pytest.mark.parametrize("database", ["passwd", "group"])
@pytest.mark.container
def test_names_come_from_sssd(host: Host, database: str) -> None:
    """The name service asks SSSD after the node's own files."""
    line = host.run("grep ^%s: /etc/nsswitch.conf", database).stdout.split()
    assert "sss" in line
    assert line.index("files") < line.index("sss")


@pytest.mark.parametrize("kind", ["auth", "account", "password", "session"])
@pytest.mark.container
def test_login_goes_through_sssd(pam: str, kind: str) -> None:
    """PAM asks SSSD at this step of a login."""
    assert re.search(rf"^-?{kind}\b.*\bpam_sss\.so", pam, re.MULTILINE)


@pytest.mark.container
def test_a_home_is_made_at_login(host: Host) -> None:
    """PAM makes the home directory at the first login."""
    assert host.run("grep -rqE 'pam_(oddjob_)?mkhomedir' /etc/pam.d").rc == 0


@pytest.mark.container
def test_modules_are_there(host: Host) -> None:
    """The libraries behind PAM and the name service can be found."""
    done = host.run("find /usr/lib /usr/lib64 -name pam_sss.so -o -name 'libnss_sss.so.2'")
    assert {"pam_sss.so", "libnss_sss.so.2"} <= {path.rpartition("/")[2] for path in done.stdout.split()}


def test_no_configuration_in_the_image(facts: Facts) -> None:
    """The image holds no sssd.conf: a domain is the node's, not the image's."""
    assert facts.image_files is not None
    assert [path for path in facts.image_files if re.fullmatch(r"/etc/sssd/(sssd\.conf|conf\.d/.+)", path)] == []


def test_no_keytab_in_the_image(facts: Facts) -> None:
    """The image holds no keytab: a computer account is the node's."""
    assert facts.image_files is not None
    held = [facts.image_files[path] for path in ("/etc/krb5.keytab", KEYTAB) if path in facts.image_files]
    assert [file for file in held if file.kind != "l"] == []


@pytest.mark.container
def test_the_keytab_lies_where_it_lasts(host: Host) -> None:
    """Kerberos keeps the keytab in a directory that lasts, and /etc/krb5.keytab leads there."""
    assert host.run("readlink -m /etc/krb5.keytab").stdout.strip() == KEYTAB
    # klist asks the library for the default keytab, which is not there before a domain is joined.
    assert KEYTAB in host.run("klist -k 2>&1").stdout


@pytest.mark.boot_path("installed")
@pytest.mark.parametrize("path", declared.state("sssd"))
def test_the_state_of_a_domain_lasts(facts: Facts, path: str) -> None:
    """A directory with the state of a joined domain is on the persistent partition."""
    assert not facts.mount_of(path).volatile


@pytest.mark.container
def test_configuration_folder_is_closed(host: Host) -> None:
    """Nobody but SSSD's own accounts can list or change /etc/sssd."""
    assert host.file("/etc/sssd").mode & 0o026 == 0


def test_sssd_waits(facts: Facts) -> None:
    """SSSD did not fail for want of a configuration."""
    ours = {name: unit for name, unit in facts.loaded.items() if name.startswith("sssd")}
    assert ours
    assert [name for name, unit in ours.items() if unit.active == "failed"] == []


def test_sssd_starts_with_a_configuration(facts: Facts) -> None:
    """SSSD is enabled: it starts once a configuration is there."""
    assert facts.unit_files["sssd.service"] == "enabled"


def test_local_accounts_need_no_domain(host: Host) -> None:
    """A local account is found at once although no domain answers."""
    assert host.run("timeout 5 getent passwd root").stdout.startswith("root:")


def test_an_unknown_account_is_answered(host: Host) -> None:
    """The question for an account that does not exist is answered with no, at once."""
    assert host.run("timeout 5 getent passwd imagekit-nobody-here").rc == 2


@pytest.mark.parametrize("program", ["adcli", "realm", "kinit", "klist", "sssctl"])
def test_program_to_join_with(host: Host, program: str) -> None:
    """A program that joining a domain needs is there."""
    assert host.run("PATH=$PATH:/usr/sbin:/sbin command -v %s", program).rc == 0


def test_joining_installs_nothing(host: Host) -> None:
    """realmd is told not to install packages on an immutable node."""
    assert re.search(r"^automatic-install\s*=\s*no$", host.file("/etc/realmd.conf").content_string, re.MULTILINE)
