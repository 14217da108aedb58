# shellcheck shell=sh
# What an installation left on a disk, looked at from the live system through read-only mounts that are undone again.
f=/run/imagekit-conformance
s parts; lsblk -b -P -o NAME,TYPE,SIZE,FSTYPE,LABEL,PARTLABEL,PARTUUID,PKNAME,PTTYPE @DEVICE@
s starts; for p in /sys/class/block/*/start; do [ -f "$p" ] && echo "$(basename "$(dirname "$p")") $(cat "$p")"; done
s mounted; lsblk -n -r -o NAME,MOUNTPOINT @DEVICE@ | grep ' /'
for label in COS_GRUB COS_OEM COS_RECOVERY COS_STATE COS_PERSISTENT; do
    part=$(blkid -t "LABEL=$label" -o device | grep "^$(readlink -f @DEVICE@)" | head -n 1)
    [ -n "$part" ] || continue
    d=$f/state/$label
    mkdir -p "$d"
    mount -o ro "$part" "$d" || continue
    s "tree:$label"
    (cd "$d" && find . -xdev -printf '%m\t%u:%g\t%y\t%s\t%P\t%l\n')
    s "images:$label"
    for p in "$d"/cOS/*.img; do
        [ -f "$p" ] && echo "${p##*/} $(blkid -p -o value -s LABEL "$p") $(blkid -p -o value -s TYPE "$p") $(stat -c '%s %b' "$p")"
    done
    for p in 90_custom.yaml 10_user_custom_mounts.yaml grubenv grub_oem_env grubcustom grubmenu boot_assessment; do
        [ -f "$d/$p" ] && { s "on:$label/$p"; head -c 65536 "$d/$p"; }
    done
    umount "$d"
done
