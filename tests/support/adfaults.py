"""Faults of a node in Active Directory, planted on the node or in the directory: which check fails, saying what.

A shell command plants each, another one heals it; both run as root. What heals is checked by the table's own test: with
every fault healed the whole suite passes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imagekit.checks.until import until

KEYTAB = "/etc/krb5/krb5.keytab"
CONF = "/etc/sssd/sssd.conf"
_JOIN = (
    f"adcli join --stdin-password --login-type=computer --host-fqdn=node-ad.ad.imagekit.test --host-keytab={KEYTAB} "
    "ad.imagekit.test"
)
REJOIN = f"rm -f {KEYTAB}; printf %s One-time-1-imagekit | {_JOIN}"
RESET = "samba-tool user setpassword node-ad$ --newpassword=One-time-1-imagekit"
# A cache that is empty, so that no earlier answer hides what is asked now.
AGAIN = "systemctl stop sssd; rm -f /var/lib/sss/db/* /var/lib/sss/mc/*; systemctl start sssd; sleep 3"


# The time server's own clock; the host's, by which the controller's tickets go, stays right.
SET_TIME = "chronyc manual reset && chronyc settime \"$(date -d '{}' '+%b %d, %Y %H:%M:%S')\""
# The node's own clock, wrong while nobody sets it right: on a busy machine that happens before the check looks.
_UNFOLLOWED = "systemctl stop systemd-timesyncd && date -s '{} seconds'"
_FOLLOWED = "date -s '{} seconds' && systemctl start systemd-timesyncd"


def asks_the_time(apart: str) -> str:
    """The node asks for the time again, and has it when its clock has moved by some minutes."""
    moved = f"[ $(( ($(date +%s) - $a) {apart} )) = 1 ]"
    return f"export a=$(date +%s); systemctl restart systemd-timesyncd; {until(moved, 60)}"


def _spn(verb: str) -> str:
    """Give or take the names by which tickets for the second controller's directory are asked."""
    name = "ldap/dc2.ad.imagekit.test"
    return f"for name in {name} {name}/ad.imagekit.test; do samba-tool spn {verb} $name 'DC2$' || exit; done"


class At(StrEnum):
    """Where a command runs."""

    NODE = "node"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Fault:
    """`plant` and `heal` run at `at`; then `check` fails, `says` is in its message, and `page` is its runbook page.

    `back` runs on the node after the healing, where the directory's healing is not all. With `forget` the node's cache
    is emptied after both, so that it asks the directory. `then` runs on the node once it is planted.
    """

    name: str
    at: At
    plant: str
    heal: str
    check: str
    says: str
    page: str
    back: str = ""
    then: str = ""
    forget: bool = False


FAULTS = (
    Fault(
        "the clock is ten minutes ahead",
        At.NODE,
        _UNFOLLOWED.format("+600"),
        _FOLLOWED.format("-600"),
        "test_the_clock_agrees_with_the_domain",
        "s ahead of the controller's; Kerberos allows 300 s",
        "ad-clock",
    ),
    Fault(
        "the clock is an hour behind",
        At.NODE,
        _UNFOLLOWED.format("-3600"),
        _FOLLOWED.format("+3600"),
        "test_the_clock_agrees_with_the_domain",
        "s behind the controller's",
        "ad-clock",
    ),
    Fault(
        "the domain's clock is ten minutes ahead, and the node follows it",
        At.DIRECTORY,
        SET_TIME.format("+10 minutes"),
        SET_TIME.format("now"),
        "test_the_clock_agrees_with_the_domain",
        "s ahead of the controller's; Kerberos allows 300 s",
        "ad-clock",
        back=asks_the_time("< -300"),
        then=asks_the_time("> 300"),
    ),
    Fault(
        "nobody said where the time comes from",
        At.NODE,
        "mv /etc/systemd/timesyncd.conf.d/20-domain.conf /run/20-time.conf; systemctl restart systemd-timesyncd",
        "mv /run/20-time.conf /etc/systemd/timesyncd.conf.d/20-domain.conf; systemctl restart systemd-timesyncd",
        "test_the_clock_is_the_domains",
        "not from ad.imagekit.test",
        "ad-clock",
    ),
    Fault(
        "the realm is another one",
        At.NODE,
        f"sed -i 's/^krb5_realm.*/krb5_realm = WRONG.TEST/' {CONF}",
        f"sed -i 's/^krb5_realm.*/krb5_realm = AD.IMAGEKIT.TEST/' {CONF}",
        "test_the_realm_is_the_domains",
        "krb5_realm in sssd.conf is WRONG.TEST, the domain's realm is AD.IMAGEKIT.TEST",
        "ad-realm",
    ),
    Fault(
        "DNS does not know the domain",
        At.DIRECTORY,
        "cp /srv/dns/zones /tmp/zones; : >/srv/dns/zones; pkill -HUP dnsmasq; sleep 1",
        "cp /tmp/zones /srv/dns/zones; pkill -HUP dnsmasq; sleep 1",
        "test_dns_names_a_controller",
        "DNS (10.0.2.3) has no SRV record _ldap._tcp.ad.imagekit.test",
        "ad-dns",
    ),
    Fault(
        "the computer account's password was changed elsewhere",
        At.DIRECTORY,
        "samba-tool user setpassword node-ad$ --newpassword=Another-1-password",
        RESET,
        "test_the_computer_account_logs_in",
        "the password in the keytab is not that of the account",
        "ad-machine-account",
        REJOIN,
    ),
    Fault(
        "the computer account is disabled",
        At.DIRECTORY,
        "samba-tool user disable node-ad$",
        "samba-tool user enable node-ad$",
        "test_the_computer_account_logs_in",
        "disabled or locked",
        "ad-machine-account",
    ),
    Fault(
        "the computer account is gone",
        At.DIRECTORY,
        "samba-tool computer delete node-ad",
        f"samba-tool computer create node-ad && {RESET}",
        "test_the_computer_account_logs_in",
        "the directory has no computer account of this name",
        "ad-machine-account",
        REJOIN,
    ),
    Fault(
        "the node was renamed",
        At.NODE,
        "hostname other",
        "hostname node-ad",
        "test_the_keytab_names_this_node",
        "the node is called other.ad.imagekit.test, its keytab is for NODE-AD, node-ad.ad.imagekit.test: renamed",
        "ad-keytab",
    ),
    Fault(
        "the keytab is gone",
        At.NODE,
        f"mv {KEYTAB} /run/keytab",
        f"mv /run/keytab {KEYTAB}",
        "test_the_keytab_names_this_node",
        "the node has not joined",
        "ad-keytab",
    ),
    Fault(
        "everybody may read the keytab",
        At.NODE,
        f"chmod 644 {KEYTAB}",
        f"chmod 600 {KEYTAB}",
        "test_the_keytab_is_for_root_alone",
        "-rw-r--r--",
        "ad-keytab",
    ),
    Fault(
        "the one-time password stayed",
        At.NODE,
        "touch /etc/krb5/join-password",
        "rm /etc/krb5/join-password",
        "test_the_one_time_password_is_gone",
        "/etc/krb5/join-password is still there",
        "ad-keytab",
    ),
    Fault(
        "the node does not know the authority of LDAPS",
        At.NODE,
        "mount -t tmpfs tmpfs /etc/ssl/certs",
        "umount /etc/ssl/certs",
        "test_the_certificate_of_ldaps_is_trusted",
        "LDAPS of dc1.ad.imagekit.test is not trusted: num=20:unable to get local issuer certificate",
        "ad-ldaps",
    ),
    Fault(
        "sssd.conf has a typing mistake",
        At.NODE,
        # The restart has to fail: that is the fault.
        f"cp -p {CONF} /run/sssd.conf; echo '[domain/' >>{CONF}; systemctl restart sssd || true",
        f"cp -p /run/sssd.conf {CONF}; systemctl reset-failed sssd; systemctl restart sssd; sleep 3",
        "test_sssd_runs",
        "sssd is ",
        "ad-sssd",
    ),
    Fault(
        "everybody of the domain may log in",
        At.NODE,
        f"sed -i 's/^access_provider = simple/access_provider = permit/' {CONF}; {AGAIN}",
        f"sed -i 's/^access_provider = permit/access_provider = simple/' {CONF}; {AGAIN}",
        "test_access_is_for_the_groups_that_are_named",
        "eve logged in and is in no group that may",
        "ad-access",
    ),
    Fault(
        "the group that may log in is misspelt",
        At.NODE,
        f"sed -i 's/^simple_allow_groups.*/simple_allow_groups = linux-user/' {CONF}; {AGAIN}",
        f"sed -i 's/^simple_allow_groups.*/simple_allow_groups = linux-users/' {CONF}; {AGAIN}",
        "test_access_is_for_the_groups_that_are_named",
        "bob, who may log in, does not get in either",
        "ad-access",
    ),
    Fault(
        "the administrators' group has no sudo",
        At.NODE,
        "mv /etc/sudoers.d/20-domain /run/20-domain",
        "mv /run/20-domain /etc/sudoers.d/20-domain",
        "test_an_administrators_group_may_sudo",
        "no sudo",
        "ad-sudo",
    ),
    Fault(
        "everybody has sudo",
        At.NODE,
        "echo 'ALL ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/99-all",
        "rm /etc/sudoers.d/99-all",
        "test_others_may_not_sudo",
        "bob, who is in no group of administrators, has sudo",
        "ad-sudo",
    ),
    Fault(
        "sshd takes no tickets",
        At.NODE,
        "sed -i 's/^GSSAPIAuthentication yes/GSSAPIAuthentication no/' /etc/ssh/sshd_config.d/20-domain.conf;"
        " systemctl reload sshd; sleep 1",
        "sed -i 's/^GSSAPIAuthentication no/GSSAPIAuthentication yes/' /etc/ssh/sshd_config.d/20-domain.conf;"
        " systemctl reload sshd; sleep 1",
        "test_login_by_ticket",
        "no login by GSSAPI",
        "ad-login",
    ),
    Fault(
        "PAM makes no home",
        At.NODE,
        "rm -rf /home/bob; sed -i.off '/mkhomedir/d' /etc/pam.d/common-session",
        "mv /etc/pam.d/common-session.off /etc/pam.d/common-session",
        "test_a_home_is_there",
        "no home",
        "ad-home",
    ),
    Fault(
        "passwords are not cached",
        At.NODE,
        f"sed -i 's/^cache_credentials.*/cache_credentials = False/' {CONF}; {AGAIN}",
        f"sed -i 's/^cache_credentials.*/cache_credentials = True/' {CONF}; {AGAIN}",
        "test_login_without_the_directory",
        "no login from the cache",
        "ad-offline",
    ),
    Fault(
        "a nested group is not nested any more",
        At.DIRECTORY,
        "samba-tool group removemembers linux-admins platform-team",
        "samba-tool group addmembers linux-admins platform-team",
        "test_nested_groups_count",
        "alice is not in linux-admins",
        "ad-login",
        forget=True,
    ),
)
# Of suite `ad-failover`, whose first controller is away while its checks run.
FAILOVER = (
    Fault(
        "the second controller's directory has no service principal",
        At.DIRECTORY,
        _spn("delete"),
        _spn("add"),
        "test_the_second_controllers_directory_takes_a_ticket",
        "the directory has no service principal of this name",
        "ad-failover",
    ),
    Fault(
        "the second controller's directory has no service principal, and somebody new comes",
        At.DIRECTORY,
        _spn("delete"),
        _spn("add"),
        "test_somebody_new_logs_in_while_the_first_is_away",
        "no login by the second controller",
        "ad-failover",
    ),
    Fault(
        "sssd.conf names one controller",
        At.NODE,
        f"sed -i 's/^ad_domain.*/&\\nad_server = dc1.ad.imagekit.test/' {CONF}",
        f"sed -i '/^ad_server/d' {CONF}",
        "test_the_node_knows_both_controllers",
        "dc2.ad.imagekit.test is not known",
        "ad-failover",
    ),
)
