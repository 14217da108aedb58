#!/bin/sh
# Which units a node runs: setup.sh FAMILY. The framework has run before, so this has the last word.
set -eu
family=$1

case $family in
    debian) ssh=ssh.service clock=systemd-timesyncd.service ;;
    rhel) ssh=sshd.service clock=chronyd.service ;;
    *) exit 2 ;;
esac

# Not every family has every one of these; a unit that is not there needs no disabling.
drop() {
    for unit in "$@"; do
        [ ! -e "/usr/lib/systemd/system/$unit" ] || systemctl -q disable "$unit"
    done
}

# Made here and not among files/: a link does not survive a wheel.
mkdir -p /etc/default && ln -sf ../locale.conf /etc/default/locale

systemctl -q set-default multi-user.target
systemctl -q enable NetworkManager.service "$ssh" "$clock" imagekit-boot-good.service
# Masked, not only disabled: two managers of one interface take turns at breaking it.
systemctl -q mask systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service
# kairos-init installs them for all its users. A node needs none: NFS 4 wants no rpcbind, and whoever wants SNMP or LLDP
# has a layer for it, with a configuration. Masked, so that nothing starts them by the way. See `listens` in layer.yaml.
systemctl -q mask rpcbind.service rpcbind.socket snmpd.service lldpd.service

# An immutable root updates by image, so nothing here may look for packages or scrub disks on its own.
# sshd-keygen makes a host key of every kind; ours is made by the framework (files/system/oem/08_ssh.yaml).
drop apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer dnf-makecache.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    NetworkManager-dispatcher.service rsync.service sshd-keygen.service

# FIL-01: kairos-init's packages bring these with set-id bits, for users who mount or ask polkit; on a node that is root.
for program in /usr/bin/fusermount3 /usr/bin/fusermount /usr/sbin/mount.nfs /usr/sbin/lldpcli \
    /usr/lib/polkit-1/polkit-agent-helper-1; do
    [ ! -f "$program" ] || chmod ug-s "$program"
done

# Debian's PAM runs these as root at every login (pam_motd(8)), to greet with the kernel's version. What /etc/motd says is
# shown all the same.
rm -rf /etc/update-motd.d

# docs/hardening.md: SSH-16, ACC-09, PAM-06, PAM-01.
chmod 0600 /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf
chmod 0440 /etc/sudoers.d/10-imagekit
sed -i 's/^PASS_MAX_DAYS\b.*/PASS_MAX_DAYS\t365/' /etc/login.defs
grep -q '^PASS_MAX_DAYS.365$' /etc/login.defs || printf 'PASS_MAX_DAYS\t365\n' >>/etc/login.defs
sed -i -E '0,/^#? *auth[[:space:]]+required[[:space:]]+pam_wheel\.so( use_uid)?[[:space:]]*$/s//auth required pam_wheel.so use_uid group=admin/' /etc/pam.d/su
if [ "$family" = debian ]; then
    # In the profile that PAM's files are made from, so that later layers keep to it.
    sed -i 's/ nullok\b//' /usr/share/pam-configs/unix
    DEBIAN_FRONTEND=noninteractive pam-auth-update --package
fi

# It looks for a VM socket on every boot and makes listening sockets that nobody asked for.
mkdir -p /etc/systemd/system-generators
ln -sf /dev/null /etc/systemd/system-generators/systemd-ssh-generator

# systemd rebuilds its hardware database, catalog and linker cache when /usr looks newer than these two.
# They hold the time that finish-layer.sh gives to the files themselves.
for file in /etc/.updated /var/.updated; do
    printf 'TIMESTAMP_NSEC=%s000000000\n' "$LAYER_EPOCH" >"$file"
done
