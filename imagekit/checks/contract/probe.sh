# shellcheck shell=sh
# The facts of a node, section by section. A record separator and a name open each section; what follows is kept byte
# for byte. Runs as root with a POSIX shell, coreutils, findutils, util-linux and kairos-agent; it changes nothing.
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER=
f=/run/imagekit-conformance
s() { printf '\036%s\n' "$1"; }
file() { for p in "$@"; do [ -f "$p" ] && { s "file:$p"; head -c 65536 "$p"; }; done; }
list() { find "$@" -printf '%m\t%u:%g\t%y\t%s\t%p\t%l\n' 2>/dev/null; }
get() { for p in "$@"; do s "get:$p"; kairos-agent state get "$p" 2>/dev/null; done; }

# The last steps of stages boot and network, which have no order between them, leave these; what starts after them may
# still be on its way.
i=0; while { [ ! -e $f/boot-done ] || [ ! -e $f/network-done ]; } && [ $i -lt "${TIME_LIMIT:-60}" ]; do sleep 1; i=$((i + 1)); done
timeout "${TIME_LIMIT:-60}" systemctl is-system-running --wait >/dev/null 2>&1
get boot kairos.version oem.mounted state.read_only persistent.found kairos
s state; kairos-agent state 2>/dev/null
s cmdline; cat /proc/cmdline
s mounts; cat /proc/self/mountinfo
s system; systemctl is-system-running
s units; systemctl list-units --all --plain --no-legend --full --no-pager | sed 's/^[^A-Za-z0-9-]*//' | cut -c1-160
s timers; systemctl list-unit-files --plain --no-legend --no-pager 'cos-setup-*' 'kairos-*' 'k0s*'
s devices; lsblk -b -P -o NAME,MAJ:MIN,TYPE,SIZE,FSTYPE,LABEL,PARTLABEL,PARTUUID,PKNAME,RO
s starts; for p in /sys/class/block/*/start; do [ -f "$p" ] && echo "$(basename "$(dirname "$p")") $(cat "$p")"; done
s loops; for p in /sys/block/loop*/loop/backing_file; do [ -f "$p" ] && echo "$(basename "$(dirname "$(dirname "$p")")") $(cat "$p")"; done
s labels; for p in /run/initramfs/cos-state/cOS/*.img; do [ -f "$p" ] && echo "$p $(blkid -p -o value -s LABEL "$p") $(blkid -p -o value -s TYPE "$p")"; done
s hostname; cat /proc/sys/kernel/hostname
s bootid; cat /proc/sys/kernel/random/boot_id
s passwd; cat /etc/passwd
s group; cat /etc/group
s sshd; "$(command -v sshd || echo /usr/sbin/sshd)" -T 2>/dev/null
s hostkey; cut -d' ' -f1,2 /etc/ssh/ssh_host_*_key.pub 2>/dev/null
s keys; cat /home/*/.ssh/authorized_keys 2>/dev/null
s write; touch /usr/imagekit-probe 2>&1 && rm /usr/imagekit-probe && echo written
s modules; ls /usr/lib/modules
s firmware; [ -d /sys/firmware/efi ] && echo uefi || echo bios
s files
list / /oem /usr/local /run/cos /run/immucore /run/rootfsbase /run/initramfs/live /run/initramfs/cos-state /etc/fstab -maxdepth 0
list /oem /run/cos /run/immucore /run/initramfs/cos-state /run/initramfs/live /usr/local /usr/local/etc /usr/local/.kairos -mindepth 1 -maxdepth 1
list /run/initramfs/cos-state/cOS /usr/local/.state /usr/local/cloud-config /etc/ssh $f -mindepth 1 -maxdepth 1
list /etc/hostname /etc/hosts /etc/machine-id /etc/imagekit-conformance* -maxdepth 0
for p in $MARKED; do list "$p/imagekit-conformance" -maxdepth 0; done
file /run/cos/* /etc/kairos-release /etc/machine-id /etc/motd /etc/fstab /etc/imagekit-conformance-new
file /oem/grubenv /oem/90_custom.yaml /oem/10_user_custom_mounts.yaml
file /run/initramfs/cos-state/boot_assessment /run/initramfs/cos-state/grub_oem_env /run/initramfs/cos-state/grubcustom
file /opt/imagekit-conformance-new /usr/local/.kairos-state
for p in $f/*; do [ "$p" = "$f/state" ] || file "$p"; done
for p in $MARKED; do file "$p/imagekit-conformance"; done
