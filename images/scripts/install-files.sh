#!/bin/sh
# Copy an overlay tree into the root: install-files.sh DIRECTORY
# Modes come from one rule (executable or not), since a checkout's umask would make them differ between machines.
set -eu
# shellcheck source=images/scripts/lib.sh
. "$(dirname "$0")/lib.sh"

source=$1
[ -d "$source" ] || die "no overlay directory $source"
cd "$source"
find . -type f | LC_ALL=C sort | while read -r path; do
    target=/${path#./}
    mode=0644
    [ ! -x "$path" ] || mode=0755
    mkdir -p "$(dirname "$target")"
    install -o 0 -g 0 -m "$mode" "$path" "$target"
done
# `enable` links and masks are kept as symbolic links.
find . -type l | LC_ALL=C sort | while read -r path; do
    target=/${path#./}
    mkdir -p "$(dirname "$target")"
    cp -dfP "$path" "$target"
done
