#!/bin/sh
# Wire SSSD into PAM and NSS: setup.sh FAMILY
set -eu
family=$1
template=/usr/share/imagekit/sssd/sssd.conf.template

wire_debian() {
    # The home directory is made at first login; both profiles come with Debian's own packages.
    DEBIAN_FRONTEND=noninteractive pam-auth-update --package --enable sss mkhomedir
    # The template names its services, and then SSSD refuses to be started through these as well.
    for name in nss pam pam-priv ssh sudo autofs pac ifp; do
        for unit in "sssd-$name.socket" "sssd-$name.service"; do
            [ ! -e "/usr/lib/systemd/system/$unit" ] || systemctl -q disable "$unit"
        done
    done
}

wire_rhel() {
    # docs/hardening.md: PAM-01
    authselect select sssd with-mkhomedir without-nullok --force
    systemctl -q enable oddjobd.service
}

# The keytab in a directory that lasts (layer.yaml, `state`); a single file in /etc cannot.
keep_keytab() {
    # The others are the packages' own, with owners and modes of theirs.
    install -d -m 0755 /etc/krb5
    ln -sfn krb5/krb5.keytab /etc/krb5.keytab
    grep -q '^includedir /etc/krb5.conf.d' /etc/krb5.conf 2>/dev/null || {
        printf 'includedir /etc/krb5.conf.d\n' >/run/krb5.conf
        [ ! -e /etc/krb5.conf ] || cat /etc/krb5.conf >>/run/krb5.conf
        install -m 0644 /run/krb5.conf /etc/krb5.conf
    }
}

wired() {
    grep -Eq '^passwd:.*\bsss\b' /etc/nsswitch.conf || return 1
    grep -rq pam_sss.so /etc/pam.d
}

case $family in
    debian) wire_debian ;;
    rhel) wire_rhel ;;
    *) exit 2 ;;
esac
keep_keytab
wired || { echo "imagekit: error: SSSD is not wired into PAM and NSS" >&2; exit 1; }

# Enabled but silent: the unit starts only when a configuration is there.
systemctl -q enable sssd.service
rm -f /etc/sssd/sssd.conf

# What we hand out has to pass SSSD's own check. It reads only files that belong to root alone, and misses a conf.d.
install -d -m 0700 /run/sssd-check/conf.d
install -m 0600 "$template" /run/sssd-check/sssd.conf
sssctl config-check --config=/run/sssd-check/sssd.conf
