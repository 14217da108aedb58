#!/bin/sh
# The agent out of a release's archive, and not the server: place-spire.sh ARCHIVE SHA256 VERSION
set -eu
archive=$1 checksum=$2 version=$3

echo "$checksum  $archive" | sha256sum --check --quiet \
    || { echo "imagekit: error: the archive of SPIRE is not the file that images.lock names" >&2; exit 1; }
tar -xzf "$archive" -C /tmp "spire-$version/bin/spire-agent"
install -o 0 -g 0 -m 0755 "/tmp/spire-$version/bin/spire-agent" /usr/bin/spire-agent
said=$(/usr/bin/spire-agent --version 2>&1) \
    || { echo "imagekit: error: /usr/bin/spire-agent does not run: $said" >&2; exit 1; }
[ "$said" = "$version" ] \
    || { echo "imagekit: error: /usr/bin/spire-agent is $said, declared is $version" >&2; exit 1; }
