#!/usr/bin/env bash
# as_pod.sh BUILD FOLDER PROGRAM [argument...]: runs BUILD/PROGRAM with the uid, the gid and the volume's group that
# vBrain's pods have (helm/vbrain/templates/_helpers.tpl), and without root's capabilities. Needs root. FOLDER is an empty
# folder; it becomes TMPDIR.
set -euo pipefail
build="$1" folder="$2" program="$3"
shift 3

chown 65532:65532 "$folder"
# The bounding set stays: fusermount3, which is setuid root, needs it.
as_pod=(setpriv --reuid 65532 --regid 65532 --groups 2000 --inh-caps=-all env
  "TMPDIR=$folder" "HOME=$folder" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
if unshare --mount true 2>/dev/null; then
  # In a mount namespace of its own, which ends with the program. The clone may lie in a folder that only root may enter;
  # /dev/fuse may be closed to other users; and fusermount3 refuses a user without a name.
  export AS_POD_BUILD="$build" AS_POD_FOLDER="$folder"
  # shellcheck disable=SC2016
  exec unshare --mount bash -euc '
    mkdir "$AS_POD_FOLDER/build"
    mount --bind "$AS_POD_BUILD" "$AS_POD_FOLDER/build"
    { cat /etc/passwd; echo "pod:x:65532:65532::/:/bin/sh"; } >"$AS_POD_FOLDER/passwd"
    mount --bind "$AS_POD_FOLDER/passwd" /etc/passwd
    if [[ -c /dev/fuse ]]; then
      mknod -m 666 "$AS_POD_FOLDER/fuse" c 10 229
      mount --bind "$AS_POD_FOLDER/fuse" /dev/fuse
    fi
    exec "$@"' as_pod "${as_pod[@]}" "$folder/build/$program" "$@"
fi
exec "${as_pod[@]}" "$build/$program" "$@"
