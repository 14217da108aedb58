#!/bin/sh
# Sourced by dracut before it gives control to the root: sentinel, user data, stages rootfs and initramfs.
/usr/bin/immucore "$NEWROOT" || warn "immucore failed; see /run/immucore/immucore.log"
