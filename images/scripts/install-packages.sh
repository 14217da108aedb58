#!/bin/sh
# Install packages with the package manager of the family: install-packages.sh FAMILY [PACKAGE...]
# A locked build mounts a repository at /media that holds exactly what images/locks names, and has no network.
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
    options=
    if [ -e /media/Packages ]; then
        # Lists of their own: those of floating builds are kept in a cache, and nothing of them may count here.
        echo 'deb [trusted=yes] file:/media ./' >/run/imagekit.list
        mkdir -p /run/apt-lists/partial
        options="-o Dir::Etc::SourceList=/run/imagekit.list -o Dir::Etc::SourceParts=/dev/null
            -o Dir::State::Lists=/run/apt-lists"
    fi
    # shellcheck disable=SC2086  # the options are words without spaces
    apt-get -qq -c "$conf" $options update
    # INITRD=No: the framework's init stage makes the one initrd, so the kernel package must not.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive INITRD=No \
        apt-get -qq -y -c "$conf" $options --no-install-recommends install "$@"
}

install_rhel() {
    set -- install "$@"
    # No signature to check: each file is the one whose checksum the lock names.
    [ ! -e /media/repodata ] || set -- --disablerepo='*' --repofrompath=imagekit,file:///media \
        --setopt=imagekit.gpgcheck=0 --setopt=imagekit.module_hotfixes=1 "$@"
    dnf -q -y --setopt=install_weak_deps=False --setopt=tsflags=nodocs --setopt=keepcache=1 "$@"
}

[ $# -gt 0 ] || exit 0
say "installing $# packages ($family)"
case $family in
    debian) install_debian "$@" ;;
    rhel) install_rhel "$@" ;;
esac
