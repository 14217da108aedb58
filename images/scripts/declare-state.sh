#!/bin/sh
# Make directories last over reboots and upgrades: declare-state.sh [DIRECTORY...]
# Kairos binds what CUSTOM_BIND_MOUNTS in the layout names, beside its own list and a user's install.bind_mounts; neither
# of them writes this key of this file. It is written a stage before Kairos's own 00_rootfs.yaml writes the others: files of
# one stage run side by side, and of two that write one environment file each can lose what the other wrote.
set -eu
# shellcheck source=images/scripts/lib.sh
. "$(dirname "$0")/lib.sh"

target=/system/oem/36_imagekit_state.yaml
[ $# -gt 0 ] || exit 0
for directory in "$@"; do
    [ -d "$directory" ] || die "layer.yaml declares the state $directory, and the image has no such directory"
done
mkdir -p "$(dirname "$target")"
cat >"$target" <<EOF
# Written by imagekit from the \`state\` of each layer.yaml; replaced by every upgrade.
name: "State of the image's layers"
stages:
  rootfs.before:
    - name: "Directories that last"
      if: '[ ! -e /run/cos/recovery_mode ] && [ ! -e /run/cos/autoreset_mode ] && [ ! -e /run/cos/uki_install_mode ]'
      environment_file: /run/cos/cos-layout.env
      environment:
        CUSTOM_BIND_MOUNTS: "$*"
EOF
chmod 0644 "$target"
