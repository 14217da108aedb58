# shellcheck shell=sh
# One round trip: what is there, section by section. A record separator and a name open each section.
# Runs as root on the node with a POSIX shell, coreutils and findutils; whatever else is missing leaves its section empty.
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER=
s() { printf '\036%s\n' "$1"; }
files() { find "$@" -printf '%m\t%u\t%g\t%y\t%s\t%T@\t%p\t%l\n' 2>/dev/null; }
# A small file without another program: each program costs a thirtieth of a second under emulation.
small() { while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done <"$1"; }
s state; systemctl is-system-running
s units; systemctl list-units --all --plain --no-legend --full --no-pager
# Only those that checks ask for: the state of all of them takes systemd 5 s under emulation.
s unitfiles; systemctl list-unit-files --plain --no-legend --full --no-pager 'NetworkManager*' 'k0s*' 'sssd*' '*.timer'
s packages
if command -v dpkg-query >/dev/null; then dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Version}\n'
elif command -v rpm >/dev/null; then rpm -qa --qf 'ii \t%{NAME}\t%{VERSION}-%{RELEASE}\n'; fi
s files; files /etc
files /boot /usr/bin /usr/sbin /usr/lib/modules /system /system/oem /oem /run/cos \
  /usr/lib/systemd/system /run/systemd/system /run/systemd/generator -maxdepth 1
files /bin /sbin /tmp /var /var/tmp /root /home /srv /run /usr /usr/lib -maxdepth 0
s sysctl; sysctl -a 2>/dev/null
s mounts; cat /proc/self/mountinfo
s users; small /etc/passwd
s groups; small /etc/group
# Never the hashes: only whether a password is set, locked or empty.
s passwords; while IFS=: read -r n p _; do case $p in '') p=empty;; '!'*|'*'*) p=locked;; *) p='set';; esac; echo "$n:$p"; done </etc/shadow
s listeners; ss -Hlntup 2>/dev/null
s modules; cut -d' ' -f1 /proc/modules
s builtin; cat "/lib/modules/$(uname -r)/modules.builtin" 2>/dev/null
s cmdline; small /proc/cmdline
s swaps; small /proc/swaps
s osrelease; small /etc/os-release
s kairosrelease; small /etc/kairos-release
s sshd; "$(command -v sshd || echo /usr/sbin/sshd)" -T
s nm; nmcli -t -f DEVICE,TYPE,STATE device
# hwclock(8): the third line says how the hardware clock is kept. timedatectl would start a service to tell the same.
s clock; sed -n 3p /etc/adjtime 2>/dev/null
s machineid; small /etc/machine-id
s arch; uname -m
s hostname; small /proc/sys/kernel/hostname
s image
# The image below what this boot wrote: the root itself when it is no overlay, else the squashfs or erofs it came from.
unshare -m sh -c '
  d=/run/.imagekit-lower; mkdir -p $d
  type=$(findmnt -n -o FSTYPE / | tail -1)
  if [ "$type" != overlay ]; then mount --bind / $d
  else
    for b in $(findmnt -rn -t squashfs,erofs -o SOURCE) $(blkid -t TYPE=squashfs -o device; blkid -t TYPE=erofs -o device); do
      mount -o ro "$b" $d 2>/dev/null && [ -e $d/etc/os-release ] && break; umount $d 2>/dev/null
    done
  fi
  if [ -e $d/etc/os-release ]; then
    printf "found\t$type\n"
    find $d/etc/ssh $d/etc/machine-id $d/etc/hostname $d/var/lib/dbus $d/root $d/home $d/.dockerenv $d/run $d/etc/systemd/system \
      $d/var/lib/systemd $d/var/lib/NetworkManager $d/etc/sssd $d/etc/krb5 $d/etc/krb5.keytab $d/boot \
      -maxdepth 2 -printf "%m\t%u\t%g\t%y\t%s\t%T@\t/%P\t%l\t%H\n" 2>/dev/null
  fi
  umount $d 2>/dev/null; rmdir $d 2>/dev/null; true'
s end
