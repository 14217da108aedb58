# shellcheck shell=sh
# Shared by the build scripts; sourced, never run.

# The time that whatever this step writes is given; useradd and dracut take it from this variable too.
: "${LAYER_EPOCH:?}"
export SOURCE_DATE_EPOCH="$LAYER_EPOCH"

# What every message of a build script starts with, so that it is found in a long build log.
say() {
    printf 'imagekit: %s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# The family of the distribution in the image; it has to be the one that images.yaml declares.
check_family() {
    case $1 in
        debian) command -v apt-get >/dev/null || die "family is debian, but the base image has no apt-get" ;;
        rhel) command -v dnf >/dev/null || die "family is rhel, but the base image has no dnf" ;;
        *) die "unknown family '$1' (debian, rhel)" ;;
    esac
}
