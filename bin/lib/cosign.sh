# shellcheck shell=bash
# Stock cosign, a foreign reader for the tests: unpacked below the work folder, nothing of it reaches the system. The caller sets $root.
: "${root:?}"

cosign_program=$root/.imagekit/tools/cosign/usr/bin/cosign

# install_cosign LOGS: version 3 or newer comes only with Debian's unstable suite; where that cannot be had the tests that need it are skipped.
install_cosign() {
    local mirror folder=$root/.imagekit/tools/cosign fresh
    [[ -x $cosign_program ]] && return
    mirror=$(any_debian_mirror)
    if [[ -z $mirror ]]; then
        say "  cosign: no Debian archive is known here; the tests that need it are skipped"
        return
    fi
    fresh=$(mktemp -d "$root/.imagekit/cosign.XXXXXX")
    if (narrate "cosign, for tests alone, from Debian unstable into .imagekit/tools" "$1/cosign" fetch_cosign "$mirror" "$fresh"); then
        mkdir -p "${folder%/*}"
        mv "$fresh/root" "$folder"
    else
        say "  cosign could not be fetched; the tests that need it are skipped"
    fi
    rm -rf "$fresh"
}

# fetch_cosign MIRROR FOLDER: through apt with lists of its own, so that its signature is checked and no suite is added.
fetch_cosign() {
    local mirror=$1 folder=$2 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$folder"/{lists,cache,root}
    printf 'deb [signed-by=%s] %s sid main\n' "$keyring" "$mirror" >"$folder/sources"
    local own=(-q -o "Dir::Etc::sourcelist=$folder/sources" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache"
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Languages=none)
    apt-get "${own[@]}" update && (cd "$folder" && apt-get "${own[@]}" download cosign) && dpkg -x "$folder"/cosign_*.deb "$folder/root"
}

any_debian_mirror() {
    # shellcheck disable=SC2016  # the format is apt's own
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian" && $3 == "Debian" && !found++ { sub("/$", "", $1); print $1 }'
}
