#!/bin/sh
# Install packages with the package manager of the family: install-packages.sh FAMILY [PACKAGE...]
set -eu
# shellcheck source=images/scripts/lib.sh
. "$(dirname "$0")/lib.sh"

family=$1
shift
check_family "$family"

# Maintainer scripts must not start daemons inside a build; 101 is "forbidden by policy" to invoke-rc.d.
forbid_daemons() {
    [ ! -e /usr/sbin/policy-rc.d ] || return 0
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

install_debian() {
    forbid_daemons
    # apt.conf: base images made for containers empty the cache after each run, which would waste the cache mount.
    conf=$(dirname "$0")/apt.conf
    apt-get -qq -c "$conf" update
    # INITRD=No: the framework's init stage makes the one initrd, so the kernel package must not.
    DEBIAN_FRONTEND=noninteractive INITRD=No \
        apt-get -qq -y -c "$conf" --no-install-recommends install "$@"
}

install_rhel() {
    dnf -q -y --setopt=install_weak_deps=False --setopt=tsflags=nodocs --setopt=keepcache=1 install "$@"
}

[ $# -gt 0 ] || exit 0
say "installing $# packages ($family)"
case $family in
    debian) install_debian "$@" ;;
    rhel) install_rhel "$@" ;;
esac
