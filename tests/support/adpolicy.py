"""A group policy of the fixture's domain that says who may log in over the network, as a console of Windows writes it.

https://learn.microsoft.com/openspecs/windows_protocols/ms-gpsb: the rights are in a file of SYSVOL, and the object of
the policy in LDAP names the extension that reads it.
"""

from __future__ import annotations

from tests.support.adfaults import CONF

POLICY = r"""
set -eu
at="-H ldap://dc1.ad.imagekit.test -U Administrator%Admin-1-imagekit" base=DC=ad,DC=imagekit,DC=test
guid=$(samba-tool gpo create 'Who may log in' $at 2>&1 | grep -o '{[0-9A-Fa-f-]*}' | head -n 1)
sid=$(samba-tool group show linux-admins --attributes=objectSid | sed -n 's/^objectSid: //p')
folder=/var/lib/samba/sysvol/ad.imagekit.test/Policies/$guid rights="$folder/Machine/Microsoft/Windows NT/SecEdit"
mkdir -p "$rights"
{
    printf '[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature="$CHICAGO$"\r\nRevision=1\r\n'
    printf '[Privilege Rights]\r\nSeRemoteInteractiveLogonRight = *%s\r\n' "$sid"
} >"$rights/GptTmpl.inf"
printf '[General]\r\nVersion=1\r\n' >"$folder/GPT.INI"
samba-tool ntacl sysvolreset >/dev/null
ldbmodify -H /var/lib/samba/private/sam.ldb <<LDIF
dn: CN=$guid,CN=Policies,CN=System,$base
changetype: modify
replace: gPCMachineExtensionNames
gPCMachineExtensionNames: [{827D319E-6EAC-11D2-A4EA-00C04F79F83A}{803E14A0-B4FB-11D0-A0D0-00A0C90F574B}]
-
replace: versionNumber
versionNumber: 1
LDIF
samba-tool gpo setlink $base "$guid" $at >/dev/null
printf %s "$guid"
"""
# {} is what POLICY printed last.
NO_POLICY = "samba-tool gpo del '{}' -H ldap://dc1.ad.imagekit.test -U Administrator%Admin-1-imagekit"
BY_POLICY = (
    f"cp -p {CONF} /run/sssd.before; sed -i 's/^access_provider.*/access_provider = ad/; /^simple_allow/d' {CONF}"
)
BY_GROUP = f"cp -p /run/sssd.before {CONF}; systemctl restart sssd"
SAID = (
    "journalctl -b -t sshd -t sshd-session -n 20 --no-pager; "
    "tail -n 40 /var/log/sssd/gpo_child.log /var/log/sssd/sssd_ad*.log"
)
