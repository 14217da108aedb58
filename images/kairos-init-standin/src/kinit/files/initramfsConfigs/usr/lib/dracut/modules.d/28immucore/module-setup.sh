#!/bin/bash
# shellcheck disable=SC2154  # dracut sets these variables
# dracut module of the kairos-init stand-in of imagekit: immucore runs once the root is mounted.

check() {
    require_binaries /usr/bin/kairos || return 1
    return 255
}

depends() {
    echo base
}

install() {
    inst_simple /usr/bin/kairos
    ln -sf kairos "$initdir/usr/bin/immucore"
    ln -sf kairos "$initdir/usr/bin/kairos-agent"
    inst_multiple -o modprobe e2fsck
    # immucore is the first process; dracut's own init stays beside it for what immucore leaves to it. Module base
    # comes later and does not overwrite.
    inst_simple /usr/bin/kairos /init
    inst_script "$dracutbasedir/modules.d/99base/init.sh" /init.dracut
    inst_hook pre-pivot 30 "$moddir/immucore.sh"
}
