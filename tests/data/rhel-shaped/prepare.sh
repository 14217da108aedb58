#!/bin/sh
# Make what a RHEL-derived root has and Debian's has not: prepare.sh "PACKAGE..."
set -eu

# One empty package for each name, in a repository of its own; no other is known to dnf.
mkdir -p /fixture/rpms /etc/yum.repos.d /root/rpmbuild
for name in $1; do
    printf 'Name: %s\nVersion: 1\nRelease: 1\nSummary: empty\nLicense: none\nBuildArch: noarch\n%%description\nempty\n%%files\n' \
        "$name" >/fixture/empty.spec
    rpmbuild -bb --quiet --define '_rpmdir /fixture/rpms' /fixture/empty.spec
done
createrepo_c --quiet /fixture/rpms
printf '[fixture]\nname=fixture\nbaseurl=file:///fixture/rpms\ngpgcheck=0\n' >/etc/yum.repos.d/fixture.repo

# Units that the packages of the family bring.
for unit in sshd chronyd oddjobd sssd; do
    printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' "$unit" \
        >"/usr/lib/systemd/system/$unit.service"
done
for unit in k0scontroller k0sworker; do
    [ -e "/etc/systemd/system/$unit.service" ] || cp /usr/lib/systemd/system/sshd.service "/etc/systemd/system/$unit.service"
done
rm -f /etc/systemd/system/sshd.service
printf '#!/bin/sh\necho v0\n' >/usr/bin/k0s
chmod 0755 /usr/bin/k0s
sha256sum /usr/bin/k0s | cut -d ' ' -f 1 >/fixture/k0s.sha256
: >/fixture/calls
