#!/usr/bin/env bash
# Unpacks nginx and HAProxy of the Debian release after the installed one, with the libraries and the loader that they
# need, into a folder of their own: `scripts/bench-peers.sh FOLDER`. Nothing of the system is changed.
set -euo pipefail

folder="$(mkdir -p "$1" && cd "$1" && pwd)"
suite=trixie
packages=(nginx haproxy libc6 libgcc-s1 libstdc++6 libpcre2-8-0 libcrypt1 zlib1g libzstd1 libssl3t64 libcap2
  libsystemd0 libjemalloc2 liblua5.4-0 libopentracing1 libopentracing-c-wrapper0t64)
[ -x "$folder/usr/sbin/nginx" ] && [ -x "$folder/usr/sbin/haproxy" ] && exit 0

# From where this machine gets its packages already.
source="$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
  sed -nE 's/^URIs: *([^ ]*debian)\/?$/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]*debian)\/? .*/\2/p' | sed -n 1p)"
if [ -z "$source" ] || ! command -v apt-get >/dev/null; then
  echo "bench: no Debian mirror is configured here; only the installed nginx and HAProxy take part" >&2
  exit 0
fi
echo "bench: unpacking nginx and HAProxy of Debian's $suite"
state="$(mktemp -d)"
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
: >"$state/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $source $suite main" >"$state/sources.list"
apt=(apt-get -qq -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=$state/status"
  -o "Dir::Cache=$state/cache" -o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update
(cd "$state/debs" && "${apt[@]}" download "${packages[@]}")
for package in "$state"/debs/*.deb; do dpkg-deb -x "$package" "$folder"; done
