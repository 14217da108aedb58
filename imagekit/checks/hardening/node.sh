# shellcheck shell=sh
# What the hardening controls ask of a node beside facts.sh, in one round trip; sections as there. Runs as root.
# A section ends with "ok" when all of it could be asked; without that line nothing in it counts.
export LC_ALL=C
s() { printf '\036%s\n' "$1"; }
ok() { echo ok; }

# A persistent path of an installed node lies on its partition a second time. What is bound to its place is looked at there;
# a folder that no image binds any more is looked at where it lies.
twice=$(findmnt -rn -o FSROOT,TARGET | grep -E '^/\.state/[^/ ]+\.bind /' | grep -Ev ' /var/lib/[^/]+/' | cut -d ' ' -f 1 | sort -u)

s privileged
# Each local file system once: what is mounted over the root, and no copy of the root elsewhere (live medium).
where=/
for d in $(findmnt -rn -t overlay,ext4,ext3,xfs,btrfs,tmpfs -o TARGET); do
    case $d in / | /dev | /sys/* | /run/initramfs* | /run/rootfsbase* | /run/credentials* | /run/containerd* | /run/k0s* | /var/lib/*/*) ;; *) where="$where $d" ;; esac
done
prune=
for d in $twice; do prune="$prune -o -path /usr/local$d"; done
# shellcheck disable=SC2086
find $where -xdev \( -path '/var/lib/*containerd' -o -path /run/imagekit/upper $prune \) -prune -o \
    \( \( -type f -perm /6000 -printf 'set %m %u %p\n' \) , \
    \( \( -type f -o -type d ! -perm -1000 \) -perm -0002 -printf 'open %m %u %p\n' \) \) 2>/dev/null
if [ -x "$(command -v find)" ]; then ok; fi

s capabilities
# Not from the root: getcap goes into other file systems, and a live system has a second copy of itself below /run.
c=$(PATH=$PATH:/usr/sbin:/sbin command -v getcap) && {
    "$c" -r /usr /etc /opt /home /root /srv /boot /var /tmp 2>/dev/null \
        | grep -Ev "^/(var/lib/([^ ]*/)?containerd$(for d in $twice; do printf '|usr/local%s' "$d" | sed 's/\./\\./g'; done))/"
    ok
}

s modprobe
# What the kernel would be asked to do for a module: "install /bin/false" of a blocked one, nothing where there is none.
p=$(PATH=$PATH:/usr/sbin:/sbin command -v modprobe) && {
    files=$(find "/lib/modules/$(uname -r)" -name '*.ko*' -printf '/%f ' | tr - _)
    for m in cramfs freevxfs hfs hfsplus jffs2 udf usb_storage firewire_core dccp sctp rds tipc; do
        # modprobe is asked of those that there are, each time is a twentieth of a second under emulation.
        case $files in *"/$m.ko"*) echo "$m 1 $("$p" -n -v "$m" 2>&1 | tr '\n' ';')" ;; *) echo "$m 0 " ;; esac
    done
    ok
}

s login; cat /etc/login.defs && ok
s pam; cd /etc/pam.d && grep -H '' -- * && ok
s pwquality; cat /etc/security/pwquality.conf /etc/security/pwquality.conf.d/*.conf 2>/dev/null; ok
s limits; cat /etc/security/limits.conf /etc/security/limits.d/*.conf 2>/dev/null; ok
s coredump; systemd-analyze cat-config systemd/coredump.conf 2>/dev/null; ok
s audit; if command -v auditctl >/dev/null; then auditctl -s && ok; else echo absent; ok; fi
s secureboot
if [ -d /sys/firmware/efi ]; then
    v=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
    if [ -r $v ]; then od -An -tu1 -j4 -N1 $v && ok; else echo absent; fi
else echo bios; ok; fi
s lockdown; cat /sys/kernel/security/lockdown 2>/dev/null && ok
s sudo; cat /etc/sudoers /etc/sudoers.d/* 2>/dev/null && ok
s journald; systemd-analyze cat-config systemd/journald.conf 2>/dev/null && ok
s homes; while IFS=: read -r n _ u _ _ h _; do [ "$u" -ge 1000 ] && [ "$u" != 65534 ] && [ -d "$h" ] && stat -c "%a %U $n %n" "$h"; done </etc/passwd; ok
s end
