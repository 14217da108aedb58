# shellcheck shell=bash
# The project's Python environment: every package by hash from a lock file, the project itself beside it. The caller sets $root.
: "${root:?}"

# find_python: a Python 3.11 or newer that can make environments.
find_python() {
    local candidate
    for candidate in "${IMAGEKIT_PYTHON:-python3}" /usr/bin/python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "no Python 3.11 or newer with the venv module" "Debian, Ubuntu: apt-get install python3-venv" \
        "Another Python: IMAGEKIT_PYTHON=/path/to/python3 bin/setup"
}

# install_python LOCK LOGS: the environment in .venv, brought to what LOCK says. A lock is whole, so pip resolves nothing
# (--no-deps): its resolver takes a new release for a candidate where a package asks for an extra, and then stops because
# that release has no hash (pydantic[email] of sigstore-rekor-types, the day pydantic 2.14.4 came). `pip check` proves it whole.
install_python() {
    local lock=$1 logs=$2 python pip=("$root/.venv/bin/python" -m pip --disable-pip-version-check --no-input install --progress-bar off)
    python=$(find_python)
    if ! "$root/.venv/bin/python" -c '' 2>/dev/null; then
        rm -rf "$root/.venv"
        narrate "Python environment .venv with $python: imagekit and its libraries, apart from the system" \
            "$logs/venv.log" "$python" -m venv "$root/.venv"
    fi
    narrate "build tools by hash (requirements-build.lock): to compile libvirt-python" "$logs/pip-build.log" \
        "${pip[@]}" --no-deps --require-hashes -r "$root/requirements-build.lock"
    narrate "Python libraries by hash (${lock##*/})" "$logs/pip.log" \
        "${pip[@]}" --no-deps --require-hashes --no-build-isolation -r "$lock"
    narrate "imagekit itself, from this folder" "$logs/pip-self.log" \
        "${pip[@]}" --no-deps --no-build-isolation -e "$root"
    narrate "what the libraries ask of one another" "$logs/pip-check.log" \
        "$root/.venv/bin/python" -m pip --disable-pip-version-check check
}
