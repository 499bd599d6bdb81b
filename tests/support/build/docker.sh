#!/bin/bash
# Stands in for docker where only order and refusals matter: in the folder $STAND_IN `calls` gets the words of each call, and files there say how
# it behaves. What it says are the words of docker-cli 26.1.5 with buildx 0.13.1; tests/droplet/build.test.ts has the real ones.
set -euo pipefail
cd "$STAND_IN"
printf '%s\n' "$*" >>calls
fail() { echo "$*" >&2; exit 1; }
last=${*: -1}
case "$1 ${2:-}" in
  'buildx version') [ ! -e no-buildx ] || fail "docker: 'buildx' is not a docker command."; echo 'github.com/docker/buildx 0.13.1' ;;
  'version --format') [ ! -e no-engine ] || fail 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'; echo linux/amd64 ;;
  'buildx imagetools')
    [ ! -e refuses ] || fail "ERROR: failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized"
    cat "registry-${last//[^a-z0-9]/_}" 2>/dev/null || fail "ERROR: $last: not found"
    ;;
  'buildx build')
    env | { grep -c '^BOOKOPS_BUILD_SECRET_' || true; } >variables
    find "$last" -type f -printf '%P\n' | sort >files
    if [ -e says-secret ]; then echo "#7 0.3 the token is $BOOKOPS_BUILD_SECRET_0" >&2; fi
    if [ -e fails ]; then fail 'ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2'; fi
    ;;
  'image inspect') echo sha256:built ;;
  'save '*) tar -c files $([ ! -e leaks ] || echo leaks) ;;
  'run '*) echo container ;;
  'inspect '*) cat state ;;
  'logs '*) echo 'listening on nothing'; echo 'Error: no such table: books' >&2 ;;
  'push '*) echo "latest: digest: sha256:$(printf %064d 7) size: 1"
    printf '{"manifest":{"digest":"sha256:%064d"},"image":{"config":{"Labels":{"org.opencontainers.image.revision":"%s"}}}}' 7 "${last##*:}" >"registry-${last//[^a-z0-9]/_}" ;;
esac
