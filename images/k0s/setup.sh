#!/bin/sh
# The provider leaves k0s and its units; which of them runs is the node's cloud-config's to say: setup.sh [SHA256]
set -eu
checksum=${1:-}

# Kairos's provider takes k0s from the network and compares it with nothing.
if [ -n "$checksum" ]; then
    echo "$checksum  /usr/bin/k0s" | sha256sum --check --quiet \
        || { echo "imagekit: error: /usr/bin/k0s is not the file that images.lock names" >&2; exit 1; }
fi

for unit in k0scontroller.service k0sworker.service; do
    systemctl -q disable "$unit"
done
/usr/bin/k0s version >/dev/null
# Join tokens and configuration come here; not for other eyes.
install -d -m 0700 /etc/k0s
install -d -m 0755 /var/lib/k0s
