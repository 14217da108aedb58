# shellcheck shell=bash
# A stamp says for which inputs the last setup ended well; while they are unchanged a start costs a few milliseconds. The caller sets $root.
: "${root:?}"

# stamp: hash of everything that a setup depends on.
stamp() {
    {
        printf '%s\n' "$root"
        cat /etc/os-release "$root"/requirements*.lock "$root"/bin/setup "$root"/bin/lib/*.sh \
            "$root/imagekit/doctor/packages.txt" "$root/pyproject.toml"
        # An installed copy may come without the tests; then nothing is built of them.
        cat "$root"/tests/support/*/go.sum 2>/dev/null || true
    } | sha256sum
}

# is_set_up KIND: whether the setup of that kind (run or dev; dev holds run) stands for the present inputs.
is_set_up() {
    local now file
    now=$(stamp)
    for file in "$root/.venv/.imagekit-dev" "$root/.venv/.imagekit-$1"; do
        [[ -r $file && $(<"$file") == "$now" ]] && return 0
    done
    return 1
}
