# shellcheck shell=bash
# System packages: what is missing, where it comes from, and its installation without starting any daemon. The caller sets $root.
: "${root:?}"

policy_file=/usr/sbin/policy-rc.d
policy_mark='# written by imagekit for the time of one apt-get run'

# distribution: one of the columns of packages.txt, read from os-release; anything else ends here, with the way that it has.
distribution() {
    local name
    # shellcheck source=/dev/null
    name=$(. "${os_release:-/etc/os-release}" && printf '%s-%s' "$ID" "$VERSION_ID")
    case $name in
    debian-12 | debian-13 | ubuntu-24.04 | ubuntu-26.04) printf '%s\n' "$name" ;;
    *) die "this is $name; imagekit is set up on Debian 12, Debian 13, Ubuntu 24.04 and Ubuntu 26.04" \
        "On any other host it runs from its own OCI image, by podman or docker: docs/hosts.md." \
        "Or install the packages of imagekit/doctor/packages.txt by hand, then set IMAGEKIT_NO_PACKAGES=1." ;;
    esac
}

# missing_packages DISTRIBUTION: lines "package where have why" for what is not there or too old.
missing_packages() {
    local need package least where12 where13 where24 where26 why where have
    while read -r need package least where12 where13 where24 where26 why; do
        [[ -z $need || $need == \#* ]] && continue
        case $1 in
        debian-12) where=$where12 ;;
        debian-13) where=$where13 ;;
        ubuntu-24.04) where=$where24 ;;
        *) where=$where26 ;;
        esac
        [[ $where == - ]] && continue
        [[ $need == engine && $package == docker* ]] && engine_is_there && continue
        have=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$package" 2>/dev/null) || have=
        have=${have#installed }
        [[ $have == *' '* ]] && have=
        if [[ -n $have ]] && { [[ $least == - ]] || enough "$1" "$have" "$least"; }; then
            continue
        fi
        printf '%s %s %s %s\n' "$package" "$where" "${have:-none}" "$why"
    done <"$root/imagekit/doctor/packages.txt"
}

# engine_is_there: a Docker from elsewhere (its own packages, a runner's image) serves as well, and is not replaced.
engine_is_there() {
    local version
    version=$(dockerd --version 2>/dev/null | grep -oE '[0-9]+\.[0-9.]+' | head -n 1) || return 1
    dpkg --compare-versions "$version" ge 25 && docker buildx version >/dev/null 2>&1
}

# enough DISTRIBUTION HAVE LEAST: Ubuntu 24.04 has nothing newer than its own, so that its own is taken; doctor judges it.
enough() { [[ $1 == ubuntu-24.04 ]] || dpkg --compare-versions "$2" ge "$3"; }

install_packages() {
    local system=$1 log=$2 package where have why packages=()
    while read -r package where have why; do
        say "  $package: $why (installed: $have; from: $where)"
        packages+=("$package")
    done
    ((${#packages[@]})) || return 0
    become_root "${packages[@]}"
    if [[ $system == debian-12 ]]; then
        # A fresh machine has no package lists yet, and apt names its mirrors only by those.
        [[ -n $(debian_mirror) ]] || narrate "reading the package lists of Debian 12" "$log.first" as_root apt-get -q update
        write_apt_files
    fi
    narrate "reading the package lists" "$log.update" as_root apt-get -q update
    hold_daemons
    narrate "installing ${#packages[@]} system packages" "$log.install" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold \
        install "${packages[@]}"
    release_daemons
}

as_root() { if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi; }

become_root() {
    ((EUID == 0)) && return
    command -v sudo >/dev/null || die "system packages are missing and this is not root" \
        "As root: apt-get install $*"
    say "  sudo is asked for, for apt-get alone"
    sudo -v || die "sudo was refused" "As root: $root/bin/setup"
}

# write_apt_files: Debian 12 alone. Backports for QEMU 10 and its libvirt; Debian 13 held back but for the packages named.
write_apt_files() {
    local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(debian_mirror)
    [[ -n $mirror ]] || die "apt knows no mirror of Debian 12 (bookworm main)" "apt-get indextargets lists what it knows."
    say "  /etc/apt/sources.list.d/imagekit.sources, /etc/apt/preferences.d/imagekit.pref: newer suites from $mirror"
    # The preferences come first: without them the next upgrade would pull all of Debian 13 in.
    {
        printf '# Written by imagekit (bin/setup): nothing comes from Debian 13 but what is named here.\n'
        printf 'Package: *\nPin: release n=trixie\nPin-Priority: -10\n\n'
        printf 'Package: %s\nPin: release n=trixie\nPin-Priority: 600\n\n' "$(packages_from trixie) containerd"
        printf 'Package: qemu* libvirt* mmdebstrap ovmf seabios ipxe-qemu e2fsprogs libext2fs2 libcom-err2 libss2 logsave\nPin: release n=bookworm-backports\nPin-Priority: 600\n'
    } | as_root tee /etc/apt/preferences.d/imagekit.pref >/dev/null
    {
        printf '# Written by imagekit (bin/setup): QEMU 10 and libvirt from backports, dockerd 26 from Debian 13.\n'
        printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports trixie\nComponents: main\n' "$mirror"
        if [[ -r $keyring ]]; then printf 'Signed-By: %s\n' "$keyring"; fi
    } | as_root tee /etc/apt/sources.list.d/imagekit.sources >/dev/null
}

# packages_from WHERE: the packages that Debian 12 takes from there, in one line.
packages_from() {
    awk -v where="$1" '$1 !~ /^#/ && $4 == where { printf "%s%s", gap, $2; gap = " " }' "$root/imagekit/doctor/packages.txt"
}

# debian_mirror: where this machine's own apt gets bookworm main, in whatever form that is configured.
debian_mirror() {
    # shellcheck disable=SC2016  # the format is apt's own
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(CREATED_BY)' |
        awk '($2 == "bookworm" || $2 == "oldstable") && $3 == "main" && $4 == "Packages" \
            && !found++ { sub("/$", "", $1); print $1 }'
}

# Without a service manager a package's own script would leave a daemon running that nobody stops.
hold_daemons() {
    [[ -d /run/systemd/system || -e $policy_file ]] && return
    printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" | as_root tee "$policy_file" >/dev/null
    as_root chmod 755 "$policy_file"
    trap release_daemons EXIT
}

release_daemons() {
    if [[ -e $policy_file ]] && grep -qF "$policy_mark" "$policy_file"; then as_root rm -f "$policy_file"; fi
}
