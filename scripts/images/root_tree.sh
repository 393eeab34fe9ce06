# Root file systems with a program and the files it needs to run, from this machine's Debian packages. Sourced.
# shellcheck shell=bash

# new_root DIR: the skeleton. vBrain's pods run as the user `vbrain`.
new_root() {
  local root="$1"
  rm -rf "$root"
  mkdir -p "$root"/{etc,tmp,usr/bin,usr/lib,usr/lib64,usr/sbin,usr/local/bin}
  chmod 1777 "$root/tmp"
  ln -s usr/bin "$root/bin"
  ln -s usr/lib "$root/lib"
  ln -s usr/lib64 "$root/lib64"
  ln -s usr/sbin "$root/sbin"
  printf '%s\n' root:x:0:0:root:/root:/sbin/nologin vbrain:x:65532:65532:vBrain:/:/sbin/nologin \
    nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin >"$root/etc/passwd"
  printf '%s\n' root:x:0: vbrain:x:65532: nogroup:x:65534: >"$root/etc/group"
  printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

# libraries FILE...: the shared libraries that the files need, including the loader, one path per line. (If a program
# names a loader that this machine does not have, this machine's loader resolves its libraries.)
libraries() {
  local output file
  for file in "$@"; do
    output="$(ldd "$file" 2>&1)" || {
      [[ "$output" == *"not a dynamic executable"* || "$output" == *"statically linked"* ]] && continue
      fail "ldd $file: $output"
    }
    [[ "$output" != *"not found"* ]] || fail "$file needs libraries that are not installed:
$output"
    awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// && $2 != "=>" {print $1}' <<<"$output"
  done | sort -u
}

# add_libraries ROOT FILE...: at the same paths as on this machine.
add_libraries() {
  local root="$1" library folder
  shift
  while read -r library; do
    folder="$root$(realpath "$(dirname "$library")")"
    mkdir -p "$folder"
    [[ -e "$folder/$(basename "$library")" ]] || install -m 755 "$(realpath "$library")" "$folder/$(basename "$library")"
  done < <(libraries "$@")
}

# add_authorities ROOT: those of this machine's package ca-certificates, for programs that call servers of others.
add_authorities() {
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
}

# add_program ROOT FILE DESTINATION: adds the stripped program with its libraries.
add_program() {
  local root="$1" file="$2" destination="$3"
  [[ -x "$file" ]] || fail "$file is missing: build it first (scripts/build.sh release)"
  install -D -m 755 "$file" "$root$destination"
  strip --strip-all "$root$destination"
  add_libraries "$root" "$file"
}

# add_bundle ROOT FOLDER DESTINATION: adds the runner with its libraries beside it, so that it runs in images of any
# kind. If FOLDER has lib/, it is used unchanged; otherwise lib/ is filled here.
add_bundle() {
  local root="$1" folder="$2" destination="$1$3" library
  [[ -x "$folder/runner" ]] || fail "$folder/runner is missing: build it first (scripts/build.sh release)"
  install -D -m 755 "$folder/runner" "$destination/runner"
  strip --strip-all "$destination/runner"
  mkdir -p "$destination/lib"
  if [[ -d "$folder/lib" ]]; then
    cp -rL "$folder/lib/." "$destination/lib/"
    return
  fi
  while read -r library; do
    install -m 755 "$(realpath "$library")" "$destination/lib/$(basename "$library")"
  done < <(libraries "$folder/runner")
}

# make_python_root ROOT: Debian's Python with the standard library, without the parts that need large libraries (TLS,
# databases, terminals) or are for development. It is compiled in advance, because the root is read-only at run time.
# The compiled files are marked as valid without a check of the sources' times.
make_python_root() {
  local root="$1" python version file needed modules=()
  python="$(realpath /usr/bin/python3)"
  version="$(basename "$python")" # python3.11
  new_root "$root"
  install -m 755 "$python" "$root/usr/bin/$version"
  ln -s "$version" "$root/usr/bin/python3"
  add_libraries "$root" "$python"
  while read -r file; do
    [[ -f "$file" && "$file" == "/usr/lib/$version/"* ]] || continue
    case "${file#"/usr/lib/$version/"}" in
      distutils/* | lib2to3/* | ensurepip/* | pydoc_data/* | idlelib/* | tkinter/* | turtle* | test/* | unittest/* | \
        config-*/* | curses/* | dbm/* | sqlite3/* | __pycache__/* | */__pycache__/* | pydoc.py | *.txt) continue ;;
      lib-dynload/_codecs_* | lib-dynload/*test* | lib-dynload/xx* | lib-dynload/_xx*) continue ;;
      lib-dynload/*.so)
        needed="$(libraries "$file")"
        ! grep -qvE '^$|/(ld-linux[^/]*|libc|libm|libz|libbz2|liblzma|libffi|libexpat|libuuid)\.so[^/]*$' <<<"$needed" || continue
        modules+=("$file") ;;
    esac
    install -D -m 644 "$file" "$root$file"
  done < <(dpkg-query -L "lib$version-minimal" "lib$version-stdlib")
  add_libraries "$root" "${modules[@]}"
  /usr/bin/python3 -I -m compileall -q --invalidation-mode unchecked-hash -s "$root" -p / "$root/usr/lib/$version" ||
    fail "compiling the standard library failed"
}

# add_python_packages ROOT PACKAGE...: the modules of Debian's packages with the libraries of their extensions. Compiled in
# advance, as in make_python_root.
add_python_packages() {
  local root="$1" version tag file extensions=()
  shift
  version="$(basename "$(realpath /usr/bin/python3)")"
  tag="cpython-${version#python}"
  while read -r file; do
    case "$file" in
      /usr/lib/python3/dist-packages/*.py) ;;
      /usr/lib/python3/dist-packages/*."${tag/./}"-*.so) extensions+=("$file") ;;
      *) continue ;;
    esac
    install -D -m 644 "$file" "$root$file"
  done < <(dpkg-query -L "$@")
  if ((${#extensions[@]})); then add_libraries "$root" "${extensions[@]}"; fi
  /usr/bin/python3 -I -m compileall -q --invalidation-mode unchecked-hash -s "$root" -p / "$root/usr/lib/python3/dist-packages" ||
    fail "compiling $* failed"
}

# add_font ROOT FILE...: fonts, and a configuration by which fontconfig finds them without a cache.
add_font() {
  local root="$1"
  shift
  install -D -m 644 -t "$root/usr/share/fonts" "$@"
  mkdir -p "$root/etc/fonts"
  printf '%s\n' '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">' \
    '<fontconfig><dir>/usr/share/fonts</dir><cachedir>/tmp/fontconfig</cachedir></fontconfig>' >"$root/etc/fonts/fonts.conf"
}

# remove_known ROOT BASE: the files that the layer BASE below ROOT has too.
remove_known() {
  local file
  while read -r file; do
    [[ ! -e "$2/$file" ]] || rm "$1/$file"
  done < <(cd "$1" && find . -type f)
}
