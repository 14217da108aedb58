#!/bin/sh
# The last RUN of a layer: refuse a root that no node may boot from: lint-layer.sh
set -eu
# shellcheck source=images/scripts/lib.sh
. "$(dirname "$0")/lib.sh"

problems=0
problem() {
    say "lint: $*"
    problems=$((problems + 1))
}

absent() {
    for path in "$@"; do
        [ ! -e "$path" ] || problem "$path must not be in the image"
    done
}

# With /.dockerenv systemd takes a VM for a container and ignores the kernel command line.
absent /.dockerenv /run/.containerenv /usr/sbin/policy-rc.d /etc/ssh/ssh_host_*_key /var/lib/systemd/random-seed
absent /root/.ssh/authorized_keys /root/.bash_history /etc/k0s/token

[ ! -s /etc/machine-id ] || problem "/etc/machine-id names a machine"

# Private keys: by content, for their names are free. Test material of libraries is excluded by where it lies.
# grep ends with 1 when it finds none, which is what is hoped for, and with 2 for a folder that an image does not have.
keys=$(grep -rlsI --include='*.pem' --include='*.key' --include='id_*' -e '-----BEGIN [A-Z ]*PRIVATE KEY-----' \
    /etc /root /home /opt /srv /usr/local /usr/share/ca-certificates 2>/dev/null || true)
[ -z "$keys" ] || problem "private keys in the image: $keys"

# Wants= links of units that do not exist end in "not found" noise on every boot.
for link in /etc/systemd/system/*.wants/*; do
    [ -L "$link" ] || continue
    [ -e "$link" ] || problem "$link points nowhere"
done

if command -v sshd >/dev/null; then
    # sshd -t wants a host key and its runtime directory; /run is a tmpfs of this step.
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f /run/lint_key
    answer=$(sshd -t -h /run/lint_key 2>&1) || problem "sshd does not accept its configuration: $answer"
fi

if command -v visudo >/dev/null; then
    # Named, because of a file that is not named visudo wants mode 0440 too. Strict: an alias that nothing defines lets
    # nobody in, and without -s that is told and not refused. The first word on stderr is the one that counts.
    answer=$(visudo -c -s -f /etc/sudoers 2>&1 >/dev/null) ||
        problem "visudo does not accept sudo's rules: $(printf '%s\n' "$answer" | sed -n '/^Warning:/d; p; q')"
fi

[ "$problems" -eq 0 ] || die "lint found $problems problem(s)"
say "lint: clean"
