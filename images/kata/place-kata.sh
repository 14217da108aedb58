#!/bin/sh
# Kata's archive below /usr, for /opt is persistent (opt-kata.mount): place-kata.sh ARCHIVE SHA256 VERSION
set -eu
archive=$1 checksum=$2 version=$3

echo "$checksum  $archive" | sha256sum --check --quiet \
    || { echo "imagekit: error: the archive of Kata is not the file that images.lock names" >&2; exit 1; }
mkdir -p /usr/lib/kata
zstd -q -d -c "$archive" | tar -x -C /usr/lib/kata --no-same-owner --strip-components=3 ./opt/kata
shim=/usr/lib/kata/runtime-rs/bin/containerd-shim-kata-v2
said=$($shim --version 2>&1) || { echo "imagekit: error: $shim does not run: $said" >&2; exit 1; }
case $said in
    *"$version"*) ;;
    *) echo "imagekit: error: $shim says $said, declared is $version" >&2; exit 1 ;;
esac
