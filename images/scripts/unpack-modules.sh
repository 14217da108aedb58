#!/bin/sh
# Kernel modules as they are loaded: unpacking them at every boot costs more than the room they take.
# The framework's initrd and every layer above see them so, too.
set -eu

# Debian's zstd reads xz as well, and its minimal root has no xz; Red Hat's does not, and has.
unpack() {
    find "$1" -name '*.ko.zst' -exec zstd --quiet --decompress --rm {} +
    if command -v xz >/dev/null; then
        find "$1" -name '*.ko.xz' -exec xz --decompress {} +
    else
        find "$1" -name '*.ko.xz' -exec zstd --quiet --decompress --rm {} +
    fi
}

for release in /usr/lib/modules/*/; do
    unpack "$release"
    depmod --all "$(basename "$release")"
done
