#!/bin/sh
# Makes a certificate authority and what the tests' receivers show: a good certificate, one that has expired and
# one for another name. Usage: make-certificates.sh DIRECTORY
set -eu
mkdir -p "$1"
cd "$1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=Bo Cau tests" \
  -keyout ca.key -out ca.pem 2>/dev/null

certificate() { # name, alternative name, first day, last day
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$2" >"$1.ext"
  touch index.txt
  test -f serial || echo 01 >serial
  openssl ca -batch -notext -md sha256 -policy policy -config /dev/stdin -in "$1.csr" -out "$1.pem" \
    -cert ca.pem -keyfile ca.key -outdir . -startdate "$3" -enddate "$4" -extfile "$1.ext" 2>/dev/null <<'EOF'
[ca]
default_ca = tests
[tests]
database = index.txt
unique_subject = no
serial = serial
[policy]
commonName = supplied
EOF
}

day() { date -u -d "$1" +%Y%m%d%H%M%SZ; }
certificate good "IP:127.0.0.1,DNS:localhost" "$(day -1day)" "$(day +20days)"
certificate expired "IP:127.0.0.1,DNS:localhost" "$(day -30days)" "$(day -1day)"
certificate other "DNS:khac.example.com" "$(day -1day)" "$(day +20days)"
