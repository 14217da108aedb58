# shellcheck shell=bash
# The output of a setup: every line on stderr, never more than 4 s of silence.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $1"
    shift
    local hint
    for hint in "$@"; do say "  $hint"; done
    exit 3
}

# narrate WHAT LOG COMMAND...: run COMMAND with its output in LOG; when it fails show the end of LOG.
narrate() {
    local what=$1 log=$2 start=$SECONDS shown=$SECONDS child status=0
    shift 2
    say "  $what ..."
    "$@" >"$log" 2>&1 </dev/null 9>&- &
    child=$!
    # A background child of a script ignores Ctrl-C, so it is passed on.
    trap 'kill "$child" 2>/dev/null; wait "$child"; exit 130' INT TERM
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.1
        if ((SECONDS - shown >= 4)); then
            shown=$SECONDS
            say "    ... $((SECONDS - start)) s: $(last_line "$log")"
        fi
    done
    wait "$child" || status=$?
    trap - INT TERM
    if ((status != 0)); then
        tail -n 15 "$log" >&2
        die "$what: exit status $status" "The whole log: $log"
    fi
    say "    done in $((SECONDS - start)) s"
}

last_line() { tail -c 2000 "$1" | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c 1-100; }
