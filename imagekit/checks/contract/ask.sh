# shellcheck shell=sh
# Questions to a node, sourced before them: `a NAME COMMAND...` runs one and keeps status and words.
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER=
f=/run/imagekit-conformance
mkdir -p $f/state
s() { printf '\036%s\n' "$1"; }
a() {
    name=$1
    shift
    "$@" >$f/state/out 2>&1 </dev/null
    status=$?
    s "run:$name"
    cat $f/state/out
    s "rc:$name"
    echo $status
}
head_of() { head -c 1048576 "$1" | cksum; }
