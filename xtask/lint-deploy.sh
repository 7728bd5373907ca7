#!/usr/bin/env bash
# Checks the image, the compose files, the chart, the unit and the proxy's file with the tools that read them. Installs
# what PyPI has into a virtual environment (the first argument); what else a machine lacks is said and not checked.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: lint-deploy.sh VENV}
out=target/lint-deploy

not_checked() {
  echo "NOT CHECKED: $*" >&2
}

install_tools() {
  local wanted=xtask/lint-deploy-requirements.txt have="$venv/lint-deploy-requirements.txt"
  cmp -s "$wanted" "$have" && return
  test -x "$venv/bin/python" || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$wanted"
  cp "$wanted" "$have"
}

# Variables in the files are settings that the program has, so that none is left behind by a new name.
variables() {
  local known name unknown=0
  known=$(grep -oE '(key|secret)\("[a-z_]+"' crates/app/src/config/mod.rs | sed -E 's/.*"([a-z_]+)"/BOCAU_\1/' | tr a-z A-Z)
  test -n "$known"
  for name in $(grep -rhoE 'BOCAU_[A-Z_]+' Dockerfile compose*.yaml deploy | sort -u); do
    grep -qx "$name" <<<"$known" || { echo "error: $name is no setting of the program" >&2; unknown=1; }
  done
  return "$unknown"
}

compose() {
  local compose=("$venv/bin/docker-compose" --env-file "$out/compose.env")
  sed -E 's/^([A-Z_]+)=$/\1=secret/; s/^#([A-Z_]+=)/\1/' deploy/compose.env.example >"$out/compose.env"
  "${compose[@]}" -f compose.yaml config --quiet
  "${compose[@]}" -f compose.sqlite.yaml config --quiet
  if "$venv/bin/docker-compose" --env-file deploy/compose.env.example -f compose.yaml config --quiet 2>/dev/null; then
    echo "error: compose.yaml starts without its secrets" >&2
    return 1
  fi
}

chart() {
  local version
  "$venv/bin/python" xtask/lint_chart.py deploy/helm/bocau "$out/chart"
  # The oldest Kubernetes that the chart takes, and the newest that the schemas know.
  for version in 1.30 1.37; do
    "$venv/bin/kubernetes-validate" --strict --quiet --no-warn -k "$version" "$out"/chart/*/*.yaml
  done
  not_checked "the ServiceMonitor against its schema, which is not Kubernetes' own"
}

unit() {
  if ! command -v systemd-analyze >/dev/null; then
    not_checked "the systemd unit: there is no systemd-analyze here"
    return
  fi
  # The program is not installed here, and a unit whose program is missing is refused.
  sed 's,^ExecStart=/usr/bin/bocau ,ExecStart=/usr/bin/env ,' deploy/systemd/bocau.service >"$out/bocau.service"
  # What it cannot read it passes over with a word and no error: any word is one here.
  SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$out/bocau.service" >"$out/verify.txt" 2>&1 &&
    ! test -s "$out/verify.txt" || { cat "$out/verify.txt" >&2; return 1; }
  # Ten times the exposure, of which it has 1.2 and may have 2.
  systemd-analyze security --offline=true --no-pager --threshold=20 "$out/bocau.service" >"$out/security.txt" ||
    { cat "$out/security.txt" >&2; return 1; }
}

proxy() {
  if ! command -v caddy >/dev/null; then
    not_checked "deploy/proxy/Caddyfile: there is no caddy here"
    return
  fi
  caddy validate --adapter caddyfile --config deploy/proxy/Caddyfile >"$out/caddy.txt" 2>&1 ||
    { cat "$out/caddy.txt" >&2; return 1; }
}

# Of a package that `make deb` has made.
package() {
  local packages=(target/debian/bocau_*.deb)
  local passed_over=(
    no-changelog wrong-name-for-upstream-changelog # CHANGELOG.md is for people and not in Debian's form
    no-manual-page                                 # `bocau help` is all there is
    non-standard-file-perm                         # /etc/bocau/bocau.env may hold secrets
  )
  if ! command -v lintian >/dev/null || ! test -e "${packages[0]}"; then
    not_checked "the Debian package: there is no lintian here, or no target/debian/bocau_*.deb"
    return
  fi
  lintian --allow-root --fail-on error,warning --suppress-tags "$(IFS=,; echo "${passed_over[*]}")" "${packages[@]}"
}

rm -rf "$out"
mkdir -p "$out"
install_tools
variables
"$venv/bin/hadolint" Dockerfile
"$venv/bin/yamllint" --strict .
compose
chart
unit
proxy
package
not_checked "that the image builds and the compose files start: that needs a container engine"
echo "lint-deploy: what is deployed is in order"
