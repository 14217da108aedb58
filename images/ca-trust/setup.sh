#!/bin/sh
# Add authorities to the system's trust store: setup.sh FAMILY DIRECTORY
# DIRECTORY has one certificate a file, checked and written anew by imagekit (README.md tells the rule).
set -eu
family=$1
directory=$2

# The text between the lines of a PEM block, one line for each certificate: equal lines are equal certificates.
bodies() {
    awk '/-----BEGIN CERTIFICATE-----/ { body = ""; inside = 1; next }
         /-----END CERTIFICATE-----/ { print body; inside = 0 }
         inside { sub(/\r$/, ""); body = body $0 }' "$@"
}

# Not under /usr/local: an installed node mounts its persistent partition there, over what the image has.
# One that the distribution trusts already is not added: it would stand in the bundle twice.
trust_debian() {
    target=/usr/share/ca-certificates/imagekit
    install -d -m 0755 "$target"
    update-ca-certificates
    bodies /etc/ssl/certs/ca-certificates.crt >/run/trusted
    for pem in "$directory"/*.pem; do
        if bodies "$pem" | grep -qxFf - /run/trusted; then
            echo "imagekit: $(basename "$pem") is an authority of the distribution already" >&2
            continue
        fi
        name=$(basename "$pem" .pem).crt
        install -m 0644 "$pem" "$target/$name"
        grep -qxF "imagekit/$name" /etc/ca-certificates.conf || echo "imagekit/$name" >>/etc/ca-certificates.conf
    done
    update-ca-certificates
    # What the node's bundle is held to at each boot (tree/system/oem). The RHEL family's lies where nothing lasts.
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /usr/share/imagekit/ca-trust/ca-certificates.crt
}

# p11-kit holds equal certificates once.
trust_rhel() {
    target=/usr/share/pki/ca-trust-source/anchors
    install -d -m 0755 "$target"
    for pem in "$directory"/*.pem; do
        install -m 0644 "$pem" "$target/imagekit-$(basename "$pem")"
    done
    update-ca-trust extract
}

# Asked of the system's default store, not of the file just written, and as strictly as Python 3.13 asks.
trusted() {
    for pem in "$directory"/*.pem; do
        said=$(openssl verify -x509_strict "$pem" 2>&1) || {
            echo "imagekit: error: $(basename "$pem") is not trusted afterwards: $said" >&2
            exit 1
        }
    done
}

case $family in
    debian) trust_debian ;;
    rhel) trust_rhel ;;
    *) exit 2 ;;
esac
trusted
