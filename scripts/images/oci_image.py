#!/usr/bin/env python3
"""Writes a container image as an OCI layout tar, from folders, without a registry and without root.

    oci_image.py --name vbrain/api-server:1 --out FILE.tar --layer ROOT [--layer ROOT]... --entrypoint '["/app"]'

Each --layer is a folder that becomes one layer; later layers are above earlier ones. The same input gives the same bytes:
entries are sorted, owned by root, have time 0 and mode 0755 (folders, executables), 0644 (files) or 1777 (folders with the
sticky bit). If the inputs have not changed since the last run, nothing is written.
`ctr images import`, `docker load` (25 and later), `podman load` and `skopeo` read the result.
"""

import argparse
import hashlib
import io
import json
import os
import platform
import stat
import sys
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CHUNK = 1 << 20


def entries(root):
    """Every path below root, relative, sorted, parents before children."""
    found = []
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def normal_mode(info):
    if stat.S_ISDIR(info.st_mode):
        return 0o1777 if info.st_mode & stat.S_ISVTX else 0o755
    return 0o755 if info.st_mode & 0o111 else 0o644


def fingerprint(layers, config):
    """Hash of everything that the image depends on."""
    total = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    with open(os.path.abspath(__file__), "rb") as self:
        total.update(self.read())
    for number, root in enumerate(layers):
        for name in entries(root):
            path = os.path.join(root, name)
            info = os.lstat(path)
            total.update(f"{number} {name}\0{normal_mode(info)}\0".encode())
            if stat.S_ISLNK(info.st_mode):
                total.update(os.readlink(path).encode())
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    while block := file.read(CHUNK):
                        total.update(block)
    return total.hexdigest()


def write_layer(root, target):
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in entries(root):
            path = os.path.join(root, name)
            info = os.lstat(path)
            item = tarfile.TarInfo(name)
            item.mode = normal_mode(info)
            if stat.S_ISLNK(info.st_mode):
                item.type, item.linkname, item.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
                tar.addfile(item)
            elif stat.S_ISDIR(info.st_mode):
                item.type = tarfile.DIRTYPE
                tar.addfile(item)
            elif stat.S_ISREG(info.st_mode):
                item.size = info.st_size
                with open(path, "rb") as file:
                    tar.addfile(item, file)
            else:
                sys.exit(f"{path}: not a file, folder or symbolic link")


def descriptor(media_type, digest, size, **more):
    return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": f"sha256:{digest}", "size": size, **more}


def digest_of(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(CHUNK):
            total.update(block)
    return total.hexdigest()


def full_name(name):
    """vbrain/x:1 -> docker.io/vbrain/x:1, like container runtimes complete a name without a registry."""
    first = name.split("/")[0]
    if "/" not in name:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return name if ":" in name.rsplit("/", 1)[1] else f"{name}:latest"


def add(tar, name, data):
    item = tarfile.TarInfo(name)
    item.size, item.mode = len(data), 0o644
    tar.addfile(item, io.BytesIO(data))


def write_image(out, layers, config):
    machine = platform.machine()
    image = {
        "created": "1970-01-01T00:00:00Z",
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": config["image"],
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    temporary, blobs, content = f"{out}.new", {}, 0
    layer_files = []
    for number, root in enumerate(layers):
        path = f"{out}.layer{number}"
        write_layer(root, path)
        layer_files.append((path, digest_of(path), os.path.getsize(path)))
    try:
        image["rootfs"]["diff_ids"] = [f"sha256:{digest}" for _, digest, _ in layer_files]
        image_bytes = json.dumps(image, sort_keys=True).encode()
        image_digest = hashlib.sha256(image_bytes).hexdigest()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("config.v1+json", image_digest, len(image_bytes)),
            "layers": [descriptor("layer.v1.tar", digest, size) for _, digest, size in layer_files],
        }
        manifest_bytes = json.dumps(manifest, sort_keys=True).encode()
        manifest_digest = hashlib.sha256(manifest_bytes).hexdigest()
        name = full_name(config["name"])
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                descriptor("manifest.v1+json", manifest_digest, len(manifest_bytes), annotations={
                    "io.containerd.image.name": name,
                    "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1],
                })
            ],
        }
        blobs = {image_digest: image_bytes, manifest_digest: manifest_bytes}
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
            add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            add(tar, "index.json", json.dumps(index, sort_keys=True).encode())
            for digest in sorted(blobs):
                add(tar, f"blobs/sha256/{digest}", blobs[digest])
            for path, digest, size in sorted(layer_files, key=lambda layer: layer[1]):
                item = tarfile.TarInfo(f"blobs/sha256/{digest}")
                item.size, item.mode = size, 0o644
                with open(path, "rb") as file:
                    tar.addfile(item, file)
                content += size
        os.replace(temporary, out)
    finally:
        for path, _, _ in layer_files:
            os.unlink(path)
    return content


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="name:tag of the image")
    parser.add_argument("--out", required=True, help="tar file to write")
    parser.add_argument("--layer", action="append", required=True, help="folder of one layer")
    parser.add_argument("--entrypoint", type=json.loads, default=[], help="JSON array")
    parser.add_argument("--user", default="65532:65532")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE")
    parser.add_argument("--label", action="append", default=[], help="NAME=VALUE")
    parser.add_argument("--workdir", default="/")
    parser.add_argument("--limit-mb", type=float, help="fail if the uncompressed content is larger (MB of 10^6 bytes)")
    arguments = parser.parse_args()

    for root in arguments.layer:
        if not os.path.isdir(root):
            sys.exit(f"{root}: not a folder")
    config = {
        "name": arguments.name,
        "image": {
            "User": arguments.user,
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", *arguments.env],
            "Entrypoint": arguments.entrypoint,
            "WorkingDir": arguments.workdir,
            "Labels": dict(label.split("=", 1) for label in sorted(arguments.label)),
        },
    }
    wanted = fingerprint(arguments.layer, config)
    note = f"{arguments.out}.inputs"
    content, state = None, "built"
    if os.path.exists(arguments.out) and os.path.exists(note):
        with open(note, encoding="utf-8") as file:
            known = file.read().split()
        if known[:1] == [wanted]:
            content, state = int(known[1]), "unchanged"
    if content is None:
        os.makedirs(os.path.dirname(os.path.abspath(arguments.out)), exist_ok=True)
        if os.path.exists(note):
            os.unlink(note)
        content = write_image(arguments.out, arguments.layer, config)
        with open(note, "w", encoding="utf-8") as file:
            file.write(f"{wanted} {content}\n")
    print(f"  {arguments.name}: {content / 1e6:.1f} MB, {state} ({arguments.out})", file=sys.stderr)
    if arguments.limit_mb and content > arguments.limit_mb * 1e6:
        sys.exit(f"{arguments.name} has {content / 1e6:.1f} MB, more than its limit of {arguments.limit_mb:g} MB")


if __name__ == "__main__":
    main()
