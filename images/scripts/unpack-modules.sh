#!/bin/sh
# Kernel modules as they are loaded: unpacking them at every boot costs more than the room they take.
# The framework's initrd and every layer above see them so, too.
set -eu

for release in /usr/lib/modules/*/; do
    find "$release" -name '*.ko.xz' -exec zstd --quiet --decompress --rm {} +
    depmod --all "$(basename "$release")"
done
