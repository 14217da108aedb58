#!/bin/sh
# The k0s of the kairos-init stand-in of imagekit: tells its version, runs no cluster.
if [ "$1" = version ]; then
    echo '@VERSION@'
    exit 0
fi
echo "k0s $*: this is the stand-in of imagekit, not k0s; it only knows 'k0s version'" >&2
exit 1
