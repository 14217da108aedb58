#!/bin/sh
# The k0s of the kairos-init stand-in of imagekit: tells its version, joins a cluster as a worker, runs no pod there.
K0S_STANDIN_VERSION='@VERSION@' exec /usr/bin/kairos k0s "$@"
