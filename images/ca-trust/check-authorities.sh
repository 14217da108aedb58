#!/bin/sh
# Refuse what must not become a trusted authority: check-authorities.sh DIRECTORY
# Each *.pem holds exactly one certificate that is a CA, is valid now and for a while, and has a key that is strong enough.
set -eu

directory=$1
minimum_days=30
problems=0

problem() {
    printf 'imagekit: error: %s: %s\n' "${pem##*/}" "$*" >&2
    problems=$((problems + 1))
}

field() {
    openssl x509 -in "$pem" -noout -text -nameopt utf8 | sed -n "$1"
}

one_certificate() {
    if grep -q 'PRIVATE KEY' "$pem"; then
        problem "holds a private key; keep only the certificate here, and treat the key as lost to others"
    fi
    # grep ends with 1 when it counts none, which the next line judges.
    count=$(grep -c -e '-----BEGIN CERTIFICATE-----' "$pem" || true)
    [ "$count" -eq 1 ] || { problem "holds $count certificates, wanted exactly one a file"; return 1; }
    openssl x509 -in "$pem" -noout 2>/dev/null || { problem "is not a certificate that openssl can read"; return 1; }
}

is_authority() {
    openssl x509 -in "$pem" -noout -ext basicConstraints 2>/dev/null | grep -q 'CA:TRUE' \
        || problem "is not a CA (basicConstraints does not say CA:TRUE)"
    usage=$(openssl x509 -in "$pem" -noout -ext keyUsage 2>/dev/null | tail -n +2)
    case $usage in
        '' | *'Certificate Sign'*) ;;
        *) problem "may not sign certificates (keyUsage: $(echo "$usage" | xargs))" ;;
    esac
}

is_valid() {
    openssl x509 -in "$pem" -noout -checkend 0 >/dev/null \
        || { problem "expired on $(openssl x509 -in "$pem" -noout -enddate | cut -d= -f2)"; return; }
    openssl x509 -in "$pem" -noout -checkend $((minimum_days * 86400)) >/dev/null \
        || problem "expires within $minimum_days days"
    start=$(date -d "$(openssl x509 -in "$pem" -noout -startdate | cut -d= -f2)" +%s)
    [ "$start" -le "$(date +%s)" ] || problem "is not valid yet"
}

is_strong() {
    algorithm=$(field 's/^ *Public Key Algorithm: //p')
    bits=$(field 's/^ *Public-Key: (\([0-9]*\) bit).*/\1/p')
    case $algorithm in
        rsaEncryption | rsassaPss) minimum=2048 ;;
        id-ecPublicKey) minimum=256 ;;
        ED25519 | ED448) minimum=0 ;;
        *) problem "has a key of unknown kind $algorithm"; return ;;
    esac
    [ "${bits:-0}" -ge "$minimum" ] || problem "has a weak key: $algorithm, $bits bits, wanted at least $minimum"
    case $(field 's/^ *Signature Algorithm: //p' | head -n 1) in
        *[mM][dD]5* | *[sS][hH][aA]1*) problem "is signed with a broken hash" ;;
    esac
}

is_new() {
    print=$(openssl x509 -in "$pem" -noout -fingerprint -sha256 | cut -d= -f2)
    case " $seen " in
        *" $print "*) problem "holds a certificate that another file here holds as well" ;;
    esac
    seen="$seen $print"
}

seen=
found=0
for pem in "$directory"/*; do
    [ -e "$pem" ] || continue
    case $pem in
        *.pem) ;;
        *) problem "is not a .pem file; nothing else belongs here"; continue ;;
    esac
    found=$((found + 1))
    one_certificate || continue
    is_authority
    is_valid
    is_strong
    is_new
done

[ "$found" -gt 0 ] || { echo "imagekit: error: no certificate in $directory" >&2; exit 1; }
[ "$problems" -eq 0 ] || { echo "imagekit: error: $problems problem(s) in $found certificate(s), nothing was trusted" >&2; exit 1; }
echo "imagekit: $found certificate(s) checked" >&2
