#!/usr/bin/env bash
# Installs what a command needs and lacks: `scripts/setup.sh build|test|bench`. Silent when nothing lacks.
set -euo pipefail

purpose="${1:?usage: scripts/setup.sh build|test|bench}"
packages=()

# want COMMAND PACKAGE...: the packages, when the command is not there.
want() {
  local program="$1"
  shift
  PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || packages+=("$@")
}

require() {
  command -v "$1" >/dev/null && return
  echo "setup: '$1' is not installed. $2" >&2
  exit 1
}

require cargo "Install Rust with rustup (https://rustup.rs), then try again."
require node "Install Node.js 20.19 or newer, then try again."
require npm "Install npm (it comes with Node.js), then try again."
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "setup: Node.js $(node --version) is too old; install 20.19 or newer." >&2
  exit 1
fi

# SQLite, TLS and the allocator hold C code.
want cc build-essential
case "$purpose" in
  build) ;;
  test)
    want python3 python3
    want chromium chromium
    want faketime faketime
    want openssl openssl
    want prlimit util-linux
    want crowdsec crowdsec
    want pebble pebble
    want named bind9
    [ -n "$(find /usr/lib/postgresql -path '*/bin/postgres' -print -quit 2>/dev/null)" ] || packages+=(postgresql)
    ;;
  bench)
    want python3 python3
    want openssl openssl
    want nginx nginx-light
    want haproxy haproxy
    want wrk wrk
    want h2load nghttp2-client
    ;;
  *)
    echo "setup: '$purpose' is not one of build, test, bench" >&2
    exit 1
    ;;
esac
if [ "$purpose" != build ] && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  packages+=(python3-venv)
fi
[ "${#packages[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: these packages are missing; install them as root, then try again: ${packages[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
  echo "setup: there is no apt-get here; install what these Debian packages hold, then try again: ${packages[*]}" >&2
  exit 1
fi
echo "setup: installing ${packages[*]}"
if [[ " ${packages[*]} " == *" crowdsec "* ]] && [ ! -s /etc/crowdsec/online_api_credentials.yaml ]; then
  # Else its installation asks for an account at crowdsec.net, and fails where there is no way to it.
  "${as_root[@]}" mkdir -p /etc/crowdsec
  echo '# none: the tests need no account' | "${as_root[@]}" tee /etc/crowdsec/online_api_credentials.yaml >/dev/null
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
# The tests and the benchmark start what they need by themselves; nothing that came just now keeps running.
if [ -d /run/systemd/system ]; then
  for service in nginx haproxy postgresql crowdsec bind9; do
    if [[ " ${packages[*]} " == *" $service"* ]]; then
      # Debian's service of bind9 is called after its program.
      "${as_root[@]}" systemctl disable --quiet --now "${service/bind9/named}" || true
    fi
  done
fi
