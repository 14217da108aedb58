# shellcheck shell=bash
# Foreign programs that the tests and benchmarks hold imagekit against. They lie below the work folder, nothing of them reaches
# the system; a test that needs one that could not be had is skipped and says so. The caller sets $root.
: "${root:?}"

tools=$root/.imagekit/tools
# Only Debian's unstable suite has versions that read what cosign 3 writes.
debian_tools=(cosign oras crane gh)
# Go modules below tests/support, each with its own lock (go.sum): CNCF distribution 3, actionlint, BuildKit's Dockerfile checks, and
# Go's and containerd's readers of layers.
go_tools=(registry3 actionlint dockerlint tarwitness)

# Commands of upstream projects, for the night alone: they take minutes to build. Folder below tests/support (a go.mod that pins
# them, and their go.sum), name, package.
night_tools=(
    "kubernetes etcd go.etcd.io/etcd/server/v3"
    "kubernetes kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver"
    "kubernetes kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager"
    "flux source-controller github.com/fluxcd/source-controller"
    "flux kustomize-controller github.com/fluxcd/kustomize-controller"
)
# What a worker's k0s brings with it, in the versions of the k0s that layer k0s declares, and plugins of a network of pods. They lie
# in $tools/node and not in PATH, where the engine of this machine would take containerd and runc for its own.
node_tools=(
    "kubelet kubelet k8s.io/kubernetes/cmd/kubelet"
    "containerd containerd github.com/containerd/containerd/cmd/containerd"
    "containerd containerd-shim-runc-v2 github.com/containerd/containerd/cmd/containerd-shim-runc-v2"
    "containerd ctr github.com/containerd/containerd/cmd/ctr"
    "runc runc github.com/opencontainers/runc"
    "cni bridge github.com/containernetworking/plugins/plugins/main/bridge"
    "cni host-local github.com/containernetworking/plugins/plugins/ipam/host-local"
    "cni loopback github.com/containernetworking/plugins/plugins/main/loopback"
)

# install_tools LOGS: what is there already, of the same version, is left alone.
install_tools() {
    local logs=$1 tool
    mkdir -p "$tools/bin"
    install_debian_tools "$logs"
    for tool in "${go_tools[@]}"; do install_go_tool "$tool" "$logs"; done
    install_unpacked "$logs" named bind9
    install_unpacked "$logs" sshd openssh-server
}

# install_night_tools LOGS: kube-apiserver with etcd and controllers, Flux's controllers, and a worker's programs; some 25 CPU minutes on a machine that
# has none of it.
install_night_tools() {
    local each folder name package
    mkdir -p "$tools/bin" "$tools/node"
    install_standin "$1"
    for each in "${night_tools[@]}"; do
        read -r folder name package <<<"$each"
        install_go_command "$folder" "$name" "$package" "$1" bin
    done
    for each in "${node_tools[@]}"; do
        read -r folder name package <<<"$each"
        install_go_command "$folder" "$name" "$package" "$1" node
    done
}

# install_standin LOGS: the stand-in as a program of this machine, for tests of its k0s without a VM. Its image builds it from
# Debian's packages; here the same two modules come from the module proxy.
install_standin() {
    local source=$root/images/kairos-init-standin/src module=$root/tests/support/standin fresh key
    key=$(find "$source" "$module" -type f | sort | xargs cat | sha256sum | cut -c 1-16)
    [[ -x $tools/bin/standin && -r $tools/standin.key && $(<"$tools/standin.key") == "$key" ]] && return
    fresh=$(mktemp -d "$root/.imagekit/tools.XXXXXX")
    cp -r "$source/." "$module/go.mod" "$module/go.sum" "$fresh/"
    if ! command -v go >/dev/null; then
        say "  standin: Go is not installed here; the tests that need it are skipped"
    elif (narrate "the stand-in, for tests alone, built by $(go env GOVERSION)" "$1/standin" build_go "$fresh" "$tools/bin/.standin"); then
        mv -f "$tools/bin/.standin" "$tools/bin/standin"
        printf '%s\n' "$key" >"$tools/standin.key"
    else
        say "  standin could not be built; the tests that need it are skipped"
    fi
    rm -rf "$fresh"
}

# install_go_command FOLDER NAME PACKAGE LOGS INTO: kept until the pins of its module change.
install_go_command() {
    local source=$root/tests/support/$1 name=$2 into=$tools/$5 key
    key=$(cat "$source"/* | sha256sum | cut -c 1-16)
    [[ -x $into/$name && -r $tools/$name.key && $(<"$tools/$name.key") == "$key" ]] && return
    if ! command -v go >/dev/null; then
        say "  $name: Go is not installed here; the tests that need it are skipped"
    elif (narrate "$name, for tests alone, built by $(go env GOVERSION); takes minutes" "$4/$name" build_command "$source" "$3" "$into/.$name"); then
        mv -f "$into/.$name" "$into/$name"
        printf '%s\n' "$key" >"$tools/$name.key"
    else
        say "  $name could not be built; the tests that need it are skipped"
    fi
}

# build_command FOLDER PACKAGE OUT: with the version that its users ask kube-apiserver for, and that a kubelet tells the cluster.
build_command() {
    local version cgo=0 tags=netgo,osusergo flags="-s -w"
    # Modules that are not Kubernetes's own do not have it, and need no version.
    version=$(cd "$1" && go list -m -f '{{.Version}}' k8s.io/kubernetes 2>/dev/null || true)
    case $2 in
    */cmd/kubelet) version+=+k0s ;; # as k0s builds its kubelet
    # It enters name spaces in C, and runs on another system than this one: static, with the filters that a kubelet asks for.
    */opencontainers/runc)
        cgo=1 tags+=,seccomp flags+=" -extldflags=-static"
        seccomp_library || return
        ;;
    esac
    (cd "$1" && CGO_ENABLED=$cgo go build -mod=readonly -trimpath -buildvcs=false -tags="$tags" \
        -ldflags="$flags -X k8s.io/component-base/version.gitVersion=${version:-v0.0.0}" -o "$3" "$2")
}

# seccomp_library: libseccomp to link with, out of this machine's Debian archive, where it is not installed.
seccomp_library() {
    local folder=$tools/libseccomp-dev
    pkg-config --exists libseccomp 2>/dev/null && return
    if [[ ! -e $folder/root/usr/include/seccomp.h ]]; then
        rm -rf "$folder"
        unpack "$folder" libseccomp-dev || return
    fi
    export PKG_CONFIG_SYSROOT_DIR=$folder/root PKG_CONFIG_LIBDIR
    PKG_CONFIG_LIBDIR=$(echo "$folder"/root/usr/lib/*/pkgconfig)
}

# install_unpacked LOGS PROGRAM PACKAGE: a server's program out of the packages of this machine's own suite, unpacked and not installed,
# so that no service starts.
install_unpacked() {
    local logs=$1 program=$2 package=$3 fresh
    [[ -x $tools/bin/$program ]] && return
    if [[ -x /usr/sbin/$program ]]; then
        ln -sf "/usr/sbin/$program" "$tools/bin/$program"
        return
    fi
    fresh=$(mktemp -d "$root/.imagekit/tools.XXXXXX")
    if (narrate "$program, for tests alone, from this machine's Debian archive" "$logs/$program" unpack "$fresh" "$package"); then
        rm -rf "${tools:?}/$package"
        mv "$fresh/root" "$tools/$package"
        # shellcheck disable=SC2016  # expanded when it runs
        printf '#!/bin/sh\nLD_LIBRARY_PATH=$(echo %s/usr/lib/*-linux-gnu) exec %s/usr/sbin/%s "$@"\n' \
            "$tools/$package" "$tools/$package" "$program" >"$fresh/$program"
        chmod +x "$fresh/$program"
        mv -f "$fresh/$program" "$tools/bin/$program"
    else
        say "  $program could not be fetched; the tests that need it are skipped"
    fi
    rm -rf "$fresh"
}

packages_of() {
    apt-get install -s --no-install-recommends "$1" 2>/dev/null | awk '$1 == "Inst" { print $2 }'
}

unpack() {
    local package packages
    mapfile -t packages < <(packages_of "$2")
    # A machine on which everything else is there may have no lists of packages.
    if ((${#packages[@]} == 0)); then apt-get -q update && mapfile -t packages < <(packages_of "$2"); fi
    ((${#packages[@]})) || return
    mkdir -p "$1/root"
    (cd "$1" && apt-get -q download "${packages[@]}") || return
    for package in "$1"/*.deb; do dpkg -x "$package" "$1/root" || return; done
}

install_debian_tools() {
    local mirror fresh tool missing=()
    for tool in "${debian_tools[@]}"; do [[ -x $tools/bin/$tool ]] || missing+=("$tool"); done
    ((${#missing[@]})) || return 0
    mirror=$(any_debian_mirror)
    if [[ -z $mirror ]]; then
        say "  ${missing[*]}: no Debian archive is known here; the tests that need them are skipped"
        return
    fi
    fresh=$(mktemp -d "$root/.imagekit/tools.XXXXXX")
    if (narrate "${missing[*]}, for tests alone, from Debian unstable" "$1/tools" fetch_debian "$mirror" "$fresh" "${missing[@]}"); then
        for tool in "${missing[@]}"; do mv -f "$fresh/root/usr/bin/$tool" "$tools/bin/$tool"; done
    else
        say "  ${missing[*]} could not be fetched; the tests that need them are skipped"
    fi
    rm -rf "$fresh"
}

# fetch_debian MIRROR FOLDER PACKAGE...: by apt with lists of its own, so that signatures are checked and no suite is added.
fetch_debian() {
    local mirror=$1 folder=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg package
    shift 2
    mkdir -p "$folder"/{lists,cache,root}
    printf 'deb [signed-by=%s] %s sid main\n' "$keyring" "$mirror" >"$folder/sources"
    local own=(-q -o "Dir::Etc::sourcelist=$folder/sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache"
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none)
    apt-get "${own[@]}" update && (cd "$folder" && apt-get "${own[@]}" download "$@") || return
    for package in "$folder"/*.deb; do dpkg -x "$package" "$folder/root" || return; done
}

any_debian_mirror() {
    # shellcheck disable=SC2016  # the format is apt's own
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian" && $3 == "Debian" && !found++ { sub("/$", "", $1); print $1 }'
}

# install_go_tool NAME LOGS: tests/support/NAME built by Go through this machine's module proxy, again only when it changed.
install_go_tool() {
    local name=$1 logs=$2 source=$root/tests/support/$1 key
    key=$(cat "$source"/* | sha256sum | cut -c 1-16)
    [[ -x $tools/bin/$name && -r $tools/$name.key && $(<"$tools/$name.key") == "$key" ]] && return
    if ! command -v go >/dev/null; then
        say "  $name: Go is not installed here; the tests that need it are skipped"
        return
    fi
    if (narrate "$name, for tests alone, built by $(go env GOVERSION)" "$logs/$name" build_go "$source" "$tools/bin/.$name"); then
        mv -f "$tools/bin/.$name" "$tools/bin/$name"
        printf '%s\n' "$key" >"$tools/$name.key"
    else
        say "  $name could not be built; the tests that need it are skipped"
    fi
}

build_go() { (cd "$1" && CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$2" .); }
