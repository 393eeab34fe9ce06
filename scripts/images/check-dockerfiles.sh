#!/usr/bin/env bash
# Builds the Dockerfiles with buildah and compares the images with those of build.sh: files, labels, user, entrypoint
# and size limits must match, and the programs must start. Needs root, Debian, and build/release (scripts/build.sh
# release). The first run takes about 5 minutes; later runs use the layers in .local/buildah. The script builds the base
# images from Debian's packages under the names in the Dockerfiles, and pulls nothing.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
[[ $EUID == 0 ]] || fail "root is needed: the base images are made with chroot"

STORE="$LOCAL/buildah"
mkdir -p "$STORE/tmp"
export TMPDIR="$STORE/tmp" BUILDAH_ISOLATION=chroot
WORK="$(mktemp -d)"
# Only this script uses the store, so any container in it was left by an earlier run.
leave() {
  storage rm --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$WORK"
}
trap leave EXIT
trap 'exit 130' INT TERM

driver=vfs
mkdir -p "$WORK"/{lower,upper,work,merged}
if mount -t overlay overlay -o "lowerdir=$WORK/lower,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/merged" 2>/dev/null; then
  umount "$WORK/merged"
  driver=overlay
fi
# Debian ships buildah's configuration files in recommended packages only, so they are written here.
printf '{"default": [{"type": "insecureAcceptAnything"}]}\n' >"$STORE/policy.json"
printf 'unqualified-search-registries = []\n' >"$STORE/registries.conf"
export CONTAINERS_REGISTRIES_CONF="$STORE/registries.conf"
storage() {
  local command="$1"
  shift
  buildah --root "$STORE/$driver" --runroot "$STORE/run-$driver" --storage-driver "$driver" "$command" "$@"
}

packages=()
for package in buildah mmdebstrap; do
  dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || packages+=("$package")
done
if ((${#packages[@]})); then
  say "installing ${packages[*]}"
  apt-get update -q >"$WORK/apt.log" 2>&1 &&
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}" >>"$WORK/apt.log" 2>&1 ||
    { tail -n 20 "$WORK/apt.log"; fail "buildah and mmdebstrap could not be installed"; }
fi

# base NAME PACKAGES: builds an image NAME from Debian's packages, from the package source of this machine.
base() {
  local name="$1" container
  if storage images --quiet "$name" >/dev/null 2>&1; then return 0; fi
  say "making $name"
  apt-config dump --no-empty Acquire >"$WORK/apt.conf"
  mapfile -t sources < <(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null)
  mmdebstrap --quiet --variant=minbase --aptopt="$WORK/apt.conf" --include="$2" bookworm "$WORK/base.tar" "${sources[@]}" ||
    fail "no base image could be made"
  container="$(storage from scratch)"
  storage add --quiet "$container" "$WORK/base.tar" / >/dev/null
  storage commit --quiet --signature-policy "$STORE/policy.json" "$container" "$name" >/dev/null
  rm -f "$WORK/base.tar"
}

# Swagger UI comes from this machine's cache: the certificates that a proxy of this machine may need are not in the base image.
SWAGGER_UI="$("$ROOT/api-server/openapi/page/fetch.sh")"

build() { # build NAME DOCKERFILE CONTEXT
  say "building $2"
  storage build --volume "$SWAGGER_UI:/cache/vbrain/$(basename "$SWAGGER_UI"):ro" --layers --pull-never --signature-policy "$STORE/policy.json" --file "$ROOT/$2" --tag "localhost/vbrain/$1:$VERSION" \
    "$ROOT/$3" >"$STORE/$1.log" 2>&1 || { tail -n 30 "$STORE/$1.log"; fail "$2 does not build (full log: $STORE/$1.log)"; }
}

# One line per path: mode, type, name, and the target of a link.
listing() { (cd "$1" && find . -mindepth 1 -printf '%m %y %P %l\n' | sort); }

check_program() { # check_program NAME LIMIT-MB
  local name="$1" image="localhost/vbrain/$1:$VERSION" container root bytes want
  container="$(storage from --pull-never "$image")"
  root="$(storage mount "$container")"
  "$ROOT/scripts/images/build.sh" --trees --only "$name" --bin "$ROOT/build/release/bin" --bundle "$ROOT/build/release/bundle" --out "$WORK/trees"
  # Files that a container engine creates in every root.
  diff <(listing "$WORK/trees/$name") <(listing "$root" | grep -vE ' d (dev|proc|sys|run) $') ||
    fail "$name: the Dockerfile's image (>) and that of build.sh (<) have different files"
  bytes="$(find "$root" -type f -printf '%s\n' | awk '{sum += $1} END {print sum + 0}')"
  ((bytes <= $2 * 1000000)) || fail "$name has $bytes bytes, more than $2 MB"
  want="[\"/usr/local/bin/$name\"] 65532:65532 / vbrain/$name $VERSION"
  [[ "$(storage inspect --type image "$image" | jq -r '.OCIv1.config | [(.Entrypoint | tojson), .User, .WorkingDir,
    .Labels["org.opencontainers.image.title"], .Labels["org.opencontainers.image.version"]] | join(" ")')" == "$want" ]] ||
    fail "$name: entrypoint, user, folder or labels are not: $want"
  [[ "$(storage run "$container" -- "/usr/local/bin/$name" --version)" == "$VERSION" ]] || fail "$name does not start in its image"
  say "vbrain/$name: $((bytes / 100000 / 10)).$((bytes / 100000 % 10)) MB, the files of build.sh, starts as $(storage run "$container" -- /usr/local/bin/"$name" --version)"
}

check_tutorial() {
  local container
  container="$(storage from --pull-never "localhost/vbrain/tutorial:$VERSION")"
  mkdir -p "$WORK/job"
  printf '{"a": 6, "b": 7}' >"$WORK/job/params.json"
  chmod -R a+rwX "$WORK/job" && chmod a+x "$WORK"
  storage run --volume "$WORK/job:/job" --env VBRAIN_PARAMS_FILE=/job/params.json --env VBRAIN_INPUT_DIR=/job --env VBRAIN_OUTPUT_DIR=/job \
    --env VBRAIN_RESULT_FILE=/job/result.json "$container" -- python3 /app/main.py >/dev/null
  [[ "$(cat "$WORK/job/result.json")" == 42 ]] || fail "the tutorial does not compute in its image"
  say "vbrain/tutorial: 6 * 7 = 42"
}

[[ -x "$ROOT/build/release/bin/controller" ]] || fail "build/release is missing: scripts/build.sh release"
base docker.io/library/debian:bookworm ca-certificates
base docker.io/library/python:3.13-slim python3
build api-server images/api-server.Dockerfile .
check_program api-server 40
build controller images/controller.Dockerfile .
check_program controller 55
build tutorial examples/tutorial/Dockerfile examples/tutorial
check_tutorial
say "the images of the Dockerfiles equal those of build.sh"
