#!/bin/bash
# Builds the image of ./Dockerfile without a Docker engine and holds the running container against what it promises:
#   - without keys, and without leave to do without, it does not start (exit code 2)
#   - it becomes ready on a read-only root, as user 10001, without capabilities, within the memory limit of k8s/base
#   - anonymous: the data port is on every address, the admin port on loopback; HEALTHCHECK passes
#   - with the settings of k8s/base and a keys file: data and admin port ask for a key, metrics and health do not;
#     every golden case is answered as the bundles say
#   - SIGTERM ends it with exit code 0
# Exit code 0 when all of it holds, 1 when not. Where root, apt or the packages buildah, podman, runc and catatonit are
# not to be had it prints "skipped: ..." and exits 0: that is the only way to pass without an answer.
# The base image is made here from Debian packages, node_modules/node and npm, so that no image registry is needed.
# Run `npm ci` first.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
node=$root/node_modules/node/bin/node
base=localhost/node:24
image=localhost/handoff:test
readyMs=60000
memory=$(sed -n 's/^ *limits: .*memory: \([0-9]*[MG]\)i.*/\1/p' "$root/k8s/base/deployment.yaml" | tr MG mg)

say() { printf '%s\n' "$*"; }
skip() { say "skipped: $*"; exit 0; }
fail() { say "failed: $*"; exit 1; }

[ "$(id -u)" = 0 ] || skip "building and running an image here needs root"
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || skip "Debian's package tools are not here"
[ -x "$node" ] || fail "$node is not there; run npm ci first"
[ -n "$memory" ] || fail "k8s/base/deployment.yaml has no memory limit to run under"

# Everything, also the store of images and containers, is in one folder that goes at the end.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/handoff-image-XXXXXX")
mkdir "$work/tmp" "$work/packages" "$work/base"
export TMPDIR=$work/tmp BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "vfs"
graphroot = "$work/store"
runroot = "$work/run"
END
# runc and these limits also work in a container whose own limits cannot be raised.
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=10000:10000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END

clean() {
  local code=$?
  trap - EXIT
  if command -v podman >/dev/null; then podman rm --all --force --volumes --time 0 >/dev/null 2>&1 || true; fi
  if command -v buildah >/dev/null; then buildah rm --all >/dev/null 2>&1 || true; fi
  rm -rf "$work"
  exit "$code"
}
trap clean EXIT
trap 'exit 130' INT TERM

install_tools() {
  local missing=()
  for tool in buildah podman runc catatonit; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [ "${#missing[@]}" -eq 0 ] && return
  say "installing ${missing[*]}"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$work/apt.log" 2>&1 ||
    { tail -n 5 "$work/apt.log"; skip "apt cannot install ${missing[*]}"; }
}

# A stand-in for a public Node image: a shell, a few tools, node and npm.
make_base() {
  local npm certificates container
  (cd "$work/packages" && apt-get download -q base-files libc6 libstdc++6 libgcc-s1 dash coreutils libacl1 libattr1 libgmp10 libselinux1 libpcre2-8-0 >"$work/apt.log" 2>&1) ||
    { tail -n 5 "$work/apt.log"; skip "apt cannot download the packages of a base image"; }
  for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$work/base"; done
  npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  mkdir -p "$work/base/usr/local/bin" "$work/base/usr/local/lib/node_modules" "$work/base/etc/ssl/certs" "$work/base/tmp"
  chmod 1777 "$work/base/tmp"
  [ -e "$work/base/bin/sh" ] || ln -s dash "$work/base/bin/sh"
  cp "$node" "$work/base/usr/local/bin/node"
  cp -r "$npm" "$work/base/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$work/base/usr/local/bin/npm"
  # The build asks the package registry from inside: it trusts whom this machine trusts.
  certificates=$work/base/etc/ssl/certs/ca-certificates.crt
  for file in /etc/ssl/certs/ca-certificates.crt "${NODE_EXTRA_CA_CERTS:-}"; do [ -f "$file" ] && cat "$file" >>"$certificates"; done
  container=$(buildah from scratch)
  buildah add -q "$container" "$work/base" / >/dev/null
  buildah config --env PATH=/usr/local/bin:/usr/bin:/bin --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
  buildah commit -q --rm "$container" "$base" >/dev/null
}

# HEALTHCHECK is kept by the docker format only.
build() {
  buildah bud -q --pull-never --format docker --build-arg "NODE_IMAGE=$base" --tag "$image" "$root" >"$work/build.log" 2>&1 ||
    { tail -n 100 "$work/build.log"; fail "the image does not build"; }
  say "image: $(megabytes_of "$image") MB, $(megabytes_of "$base") MB of it the base image"
}

megabytes_of() { echo $(($(podman image inspect --format '{{.Size}}' "$1") / 1000000)); }

# No network but the loopback of the container: nothing of this machine gets in its way, and it phones nobody.
# HEALTHCHECK is called by hand below: its timer would need systemd.
run() { podman --log-level fatal run --health-interval disable --network none --read-only --cap-drop all --security-opt no-new-privileges --memory "$memory" "$@"; }

refuses_without_keys() {
  local code=0
  run --rm "$image" >"$work/refused.log" 2>&1 || code=$?
  [ "$code" = 2 ] || { cat "$work/refused.log"; fail "without keys the container ends with $code, expected 2"; }
  say "refused without keys: $(head -n 1 "$work/refused.log")"
}

inside() { nsenter --net --target "$pid" "$@"; }

start() {
  local began now
  container=$(run --detach "$@" "$image")
  pid=$(podman inspect --format '{{.State.Pid}}' "$container")
  began=$(date +%s%3N --date "$(podman inspect --format '{{.State.StartedAt.Format "2006-01-02T15:04:05.000Z07:00"}}' "$container")")
  until podman logs "$container" 2>&1 | grep -q '"msg":"listening"'; do
    now=$(date +%s%3N)
    if [ "$(podman inspect --format '{{.State.Running}}' "$container")" != true ] || [ $((now - began)) -ge "$readyMs" ]; then
      podman logs "$container" 2>&1 | tail -n 20
      fail "the container is not ready after $((now - began)) ms"
    fi
    sleep 0.1
  done
  inside "$node" -e 'fetch("http://127.0.0.1:8080/health/ready").then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))' || fail "the container is not ready"
  now=$(podman logs "$container" 2>&1 | sed -n 's/.*"time":"\([^"]*\)".*"msg":"listening".*/\1/p')
  say "ready $(($(date +%s%3N --date "$now") - began)) ms after the container's start, $(memory_of)"
}

# Memory of every process of the container, the gateway and its workers; pages that several share are counted once.
memory_of() {
  local total=0 count=0 size
  for process in $(podman top "$container" hpid | tail -n +2); do
    size=$(awk '$1 == "Pss:" { print $2 }' "/proc/$process/smaps_rollup" 2>/dev/null || echo 0)
    total=$((total + ${size:-0})) count=$((count + 1))
  done
  printf '%s MiB resident in %s processes (limit %s)' $((total / 1024)) "$count" "$memory"
}

# Sockets that listen, from the kernel: address and port in hexadecimal, state 0A.
listens_on() {
  local listening
  listening=$(inside cat /proc/net/tcp | awk '$4 == "0A" { print $2 }' | sort | xargs)
  [ "$listening" = "$1" ] || fail "listening on $listening, expected $1"
}

is_confined() {
  grep -q '^CapEff:[[:space:]]*0000000000000000$' "/proc/$pid/status" || fail "the gateway has capabilities"
  grep -q '^Uid:[[:space:]]*10001[[:space:]]' "/proc/$pid/status" || fail "the gateway is not user 10001"
  podman exec "$container" node -e 'require("node:fs").writeFileSync("/app/x", "")' 2>/dev/null && fail "the root can be written to"
  return 0
}

asks_for_a_key() {
  local path expected got
  while read -r path expected; do
    got=$(inside "$node" -e 'fetch(process.argv[1]).then(({ status }) => console.log(status))' "http://127.0.0.1:$path")
    [ "$got" = "$expected" ] || fail "$path without a key: status $got, expected $expected"
  done <<<$'8081/rollouts 401\n8081/health/ready 200\n8082/metrics 200\n8080/health/ready 200'
  (cd "$root" && inside "$node" src/cli.js smoke card-fraud/1.4.0 --url http://127.0.0.1:8080 >/dev/null 2>&1) && fail "the data port answers without a key"
  return 0
}

answers() {
  (cd "$root" && inside "$node" src/cli.js smoke --url http://127.0.0.1:8080 --key-file "$work/keys/secret") || fail "golden cases do not hold (exit code $?)"
  say "after the golden cases $(memory_of)"
}

ends_on_sigterm() {
  local code
  podman kill --signal TERM "$container" >/dev/null
  code=$(timeout 60 podman wait "$container") || fail "the container does not end within 60 s of SIGTERM"
  [ "$code" = 0 ] || { podman logs "$container" 2>&1 | tail -n 20; fail "SIGTERM ends the container with $code, expected 0"; }
  say "SIGTERM: exit code 0"
}

# A key of this run alone, and the settings that the pod gets.
make_keys_and_settings() {
  mkdir "$work/keys"
  "$node" -e 'process.stdout.write(require("node:crypto").randomBytes(32).toString("hex"))' >"$work/keys/secret"
  printf 'smoke %s infer\n' "$(sha256sum <"$work/keys/secret" | cut -d ' ' -f 1)" >"$work/keys/keys"
  sed -n 's/^ *- \(HANDOFF_[A-Z_]*=.*\)$/\1/p' "$root/k8s/base/kustomization.yaml" >"$work/settings.env"
  grep -q HANDOFF_KEYS_FILE "$work/settings.env" || fail "k8s/base has no settings to run with"
}

install_tools
make_base
build
refuses_without_keys

say "anonymous:"
start --env HANDOFF_ALLOW_ANONYMOUS=true
listens_on "00000000:1F90 0100007F:1F91"
is_confined
podman healthcheck run "$container" >/dev/null || fail "HEALTHCHECK does not pass"
ends_on_sigterm

say "with the settings of k8s/base:"
make_keys_and_settings
start --env-file "$work/settings.env" --volume "$work/keys/keys:/etc/handoff/keys:ro"
listens_on "00000000:1F90 00000000:1F91 00000000:1F92"
is_confined
asks_for_a_key
answers
ends_on_sigterm
say "the image builds, runs and answers"
