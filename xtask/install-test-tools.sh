#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks: a C compiler and make for the bundled SQLite and the
# cryptography, OpenSSL for the tests' certificates, Python for verifiers from PyPI, PHP for the sample receiver, Chromium for the browser tests, PostgreSQL, and
# the test runner. Says what it does; does nothing where all is there.
set -euo pipefail

if ! command -v cargo >/dev/null; then
  echo "cargo is missing: install Rust (https://rustup.rs), then run this again" >&2
  exit 1
fi

if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
  2>/dev/null || ! command -v npm >/dev/null; then
  echo "Node 20.19 or newer with npm is missing: install it (https://nodejs.org), then run this again" >&2
  exit 1
fi

has() { command -v "$1" >/dev/null; }

# The browser tests take the one that CHROMIUM names, Debian's, or the one that Playwright has installed.
has_chromium() {
  [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || compgen -G "${HOME:-/root}/.cache/ms-playwright/chromium-*" >/dev/null ||
    compgen -G "${HOME:-/root}/Library/Caches/ms-playwright/chromium-*" >/dev/null
}

packages=()
if ! has cc || ! has make; then packages+=(build-essential); fi
has openssl || packages+=(openssl)
has php || packages+=(php-cli)
# Verifiers of what the server says and signs come from PyPI.
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
# Its own packages bring no font, and code is shown in one of the system's.
has_chromium || packages+=(chromium fonts-dejavu-core)
# The server and its tools; the tests start one of their own.
if ! { has initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; } || ! has psql; then
  packages+=(postgresql)
fi

if [ "${#packages[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && has apt-get; then
    echo "installing ${packages[*]}" >&2
    apt-get update -qq
    export DEBIAN_FRONTEND=noninteractive
    if [[ " ${packages[*]} " == *" postgresql "* ]]; then
      # Debian's package makes and starts a server of the system's, which nobody here wants.
      apt-get install -y -qq --no-install-recommends postgresql-common >/dev/null
      sed -ri 's/#?(create_main_cluster) .*$/\1 = false/' /etc/postgresql-common/createcluster.conf
    fi
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  else
    echo "missing: ${packages[*]}; install them (Debian: apt-get install ${packages[*]}), then run this again" >&2
    echo "Chromium can also come from \`npx playwright install chromium\` in dashboard/, or be named by CHROMIUM" >&2
    exit 1
  fi
fi

if ! cargo nextest --version >/dev/null 2>&1; then
  echo "installing the test runner (cargo-nextest)" >&2
  cargo install --locked cargo-nextest
fi
