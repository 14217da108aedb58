#!/bin/sh
# The end of every RUN that changes the root: finish-layer.sh
# Removes what differs between two builds of the same inputs, then sets the times of what this step wrote to
# LAYER_EPOCH, so that the layer's digest does not depend on when, or for which later layer, it was built.
set -eu
# shellcheck source=images/scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# Caches and logs. Directories stay: packages expect them, with their owners.
empty_files() {
    for directory in /var/log /var/tmp /tmp /run /var/cache/ldconfig /var/cache/man /var/cache/debconf /root/.cache; do
        [ -d "$directory" ] || continue
        case $directory in
            # debconf's answers are state, its backups are not.
            /var/cache/debconf) find "$directory" -xdev -name '*-old' -delete ;;
            /run | /tmp | /var/tmp | /root/.cache) find "$directory" -xdev -mindepth 1 ! -type d -delete ;;
            *) find "$directory" -xdev -type f -delete ;;
        esac
    done
}

# Written with the time or the order of the run inside.
remove_volatile_state() {
    rm -f /var/lib/dpkg/*-old /etc/*- /var/lib/apt/extended_states.old /var/lib/systemd/random-seed \
        /var/lib/dbus/machine-id /var/lib/NetworkManager/secret_key \
        /var/lib/NetworkManager/seen-bssids /etc/.pwd.lock /vmlinuz /vmlinuz.old /initrd.img /initrd.img.old
    rm -rf /var/lib/rpm/.rpm.lock /var/lib/dnf/history* /var/lib/dnf/repos
}

# Bytecode goes by the time of its source, and no two builds have the same.
compile_python() {
    for python in python3 /usr/libexec/platform-python; do
        if command -v "$python" >/dev/null; then
            PYTHONHASHSEED=0 "$python" -B -S -s "$(dirname "$0")/compile-python.py"
            return
        fi
    done
    for directory in /usr/lib /usr/lib64 /usr/share; do
        [ ! -d "$directory" ] || find "$directory" -xdev -depth -name __pycache__ -exec rm -rf {} +
    done
}

# systemd-sysusers and package scripts date new accounts by the clock, whatever SOURCE_DATE_EPOCH says.
date_accounts() {
    awk -F: -v OFS=: -v day=$((LAYER_EPOCH / 86400)) '$3 > day { $3 = day } { print }' /etc/shadow >/run/shadow
    # Only when it differs: rewriting copies the file into this layer.
    cmp -s /run/shadow /etc/shadow || cat /run/shadow >/etc/shadow
    rm -f /run/shadow
}

# One machine, one identity: made at first boot, never here.
remove_identity() {
    rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /.dockerenv /run/.containerenv
    [ ! -s /etc/machine-id ] || : >/etc/machine-id
    [ -e /etc/machine-id ] || : >/etc/machine-id
}

# Mount points are met too, although not entered; they are on another device and not of this layer.
clamp_times() {
    device=$(stat -c %d /)
    # grep ends with 1 when nothing is newer; then there is nothing to touch.
    find / -xdev -newermt "@$LAYER_EPOCH" -printf '%D\t%p\0' | { grep -z "^$device	" || true; } | cut -z -f 2- \
        | xargs -0 -r touch -h -d "@$LAYER_EPOCH"
}

empty_files
remove_volatile_state
compile_python
remove_identity
date_accounts
clamp_times
