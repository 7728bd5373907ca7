#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks: a C compiler and make for the bundled SQLite and
# the cryptography, and the test runner. Says what it does; does nothing where all is there.
set -euo pipefail

if ! command -v cargo >/dev/null; then
  echo "cargo is missing: install Rust (https://rustup.rs), then run this again" >&2
  exit 1
fi

if ! command -v cc >/dev/null || ! command -v make >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing a C compiler and make (build-essential)" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends build-essential
  else
    echo "a C compiler or make is missing: install them (Debian: apt-get install build-essential), then run this again" >&2
    exit 1
  fi
fi

if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
  2>/dev/null || ! command -v npm >/dev/null; then
  echo "Node 20.19 or newer with npm is missing: install it (https://nodejs.org), then run this again" >&2
  exit 1
fi

if ! cargo nextest --version >/dev/null 2>&1; then
  echo "installing the test runner (cargo-nextest)" >&2
  cargo install --locked cargo-nextest
fi
