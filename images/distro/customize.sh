#!/bin/sh
# Called by mmdebstrap with the root as first argument: drop what it took over from the building machine.
set -eu
root=$1

# They stay as empty files: BuildKit mounts its own over them, and would make (and date) them otherwise.
for name in etc/resolv.conf etc/hostname etc/machine-id; do
    rm -f "$root/$name"
    install -m 0644 /dev/null "$root/$name"
done
printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
chmod 0644 "$root/etc/hosts"
rm -f "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root/.dockerenv"
