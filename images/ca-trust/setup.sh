#!/bin/sh
# Add checked certificates to the system's trust store: setup.sh FAMILY DIRECTORY
set -eu
family=$1
directory=$2

# Not under /usr/local: an installed node mounts its persistent partition there, over what the image has.
trust_debian() {
    target=/usr/share/ca-certificates/imagekit
    install -d -m 0755 "$target"
    for pem in "$directory"/*.pem; do
        name=$(basename "$pem" .pem).crt
        install -m 0644 "$pem" "$target/$name"
        grep -qxF "imagekit/$name" /etc/ca-certificates.conf || echo "imagekit/$name" >>/etc/ca-certificates.conf
    done
    update-ca-certificates
}

trust_rhel() {
    target=/usr/share/pki/ca-trust-source/anchors
    install -d -m 0755 "$target"
    for pem in "$directory"/*.pem; do
        install -m 0644 "$pem" "$target/imagekit-$(basename "$pem")"
    done
    update-ca-trust extract
}

# Asked of the system's default store, not of the file just written.
trusted() {
    for pem in "$directory"/*.pem; do
        openssl verify -x509_strict "$pem" >/dev/null || { echo "imagekit: error: $pem is not trusted afterwards" >&2; exit 1; }
    done
}

case $family in
    debian) trust_debian ;;
    rhel) trust_rhel ;;
    *) exit 2 ;;
esac
trusted
