"""Puts the OpenAPI document together from the YAML files of a folder: document.py FOLDER VERSION

The mappings of all files are merged; a key that two files have is an error, unless both values are mappings. What
base.yaml names in `x-every-operation` and `x-every-answer` is added to each operation and to each of its answers. A path
may have an `x-every-answer` of its own.
Prints the document as JSON without white space. The keys keep the order of the files: base.yaml first, the others by name.
"""

import copy
import json
import sys
from pathlib import Path

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Wrong(Exception):
    """The sources do not make a document. The text names the file."""


def merge(target, more, where):
    for key, value in more.items():
        if key not in target:
            target[key] = value
        elif isinstance(target[key], dict) and isinstance(value, dict):
            merge(target[key], value, where)
        else:
            raise Wrong(f"{where}: another file has the key {key} too")


def resolve(document, item):
    """The object that a local $ref names, or the item itself."""
    while "$ref" in item:
        found = document
        for step in item["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        item = found
    return item


def operations_of(item):
    return [operation for method, operation in item.items() if method in METHODS]


def specialise(document):
    """Adds the headers of a path's own `x-every-answer`. An answer that other paths have too becomes a component of its own,
    whose name begins with `prefix`."""
    own = {path: item.pop("x-every-answer") for path, item in document["paths"].items() if "x-every-answer" in item}
    shared = {answer.get("$ref") for path, item in document["paths"].items() if path not in own
              for operation in operations_of(item) for answer in operation["responses"].values()}
    for path, more in own.items():
        for operation in operations_of(document["paths"][path]):
            for status, answer in operation["responses"].items():
                if "$ref" in answer and answer["$ref"] in shared:
                    name = answer["$ref"].rpartition("/")[2]
                    components = document["components"]["responses"]
                    components.setdefault(more["prefix"] + name, copy.deepcopy(components[name]))
                    answer = operation["responses"][status] = {"$ref": f"#/components/responses/{more['prefix']}{name}"}
                answer = resolve(document, answer)
                answer["headers"] = {**more["headers"], **answer.get("headers", {})}


def complete(document):
    """Adds to each operation what all operations have."""
    common = document.pop("x-every-operation", {"parameters": [], "responses": {}})
    headers = document.pop("x-every-answer", {"headers": {}})["headers"]
    for item in document["paths"].values():
        for operation in operations_of(item):
            if operation.get("security") != []:
                operation["parameters"] = [*operation.get("parameters", []), *common["parameters"]]
                for status, answer in common["responses"].items():
                    # Only a body can pause or be too large.
                    if "requestBody" in operation or status not in ("408", "413"):
                        operation["responses"].setdefault(status, answer)
            operation["responses"] = dict(sorted(operation["responses"].items()))
    specialise(document)
    for item in document["paths"].values():
        for operation in operations_of(item):
            for answer in operation["responses"].values():
                # The answers of an open operation may be cached; its refusals are those of the others.
                if operation.get("security") != [] or "$ref" in answer:
                    answer = resolve(document, answer)
                    answer["headers"] = {**answer.get("headers", {}), **headers}


def check_plain(value, where):
    """Refuses what YAML knows and JSON does not, for example dates, which YAML makes of unquoted text."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise Wrong(f"{where}: the key {key!r} is no text: put it in quotation marks")
            check_plain(item, where)
    elif isinstance(value, list):
        for item in value:
            check_plain(item, where)
    elif value is not None and not isinstance(value, (str, int, float, bool)):
        raise Wrong(f"{where}: {value!r} is a {type(value).__name__}: put it in quotation marks")


def read(folder, version):
    """The whole document as a dictionary."""
    folder = Path(folder)
    files = sorted(folder.glob("*.yaml"), key=lambda file: (file.name != "base.yaml", file.name))
    document = {}
    for file in files:
        part = yaml.safe_load(file.read_text(encoding="utf-8"))
        check_plain(part, file)
        # A YAML anchor makes one object of two places; the copy makes two of it.
        merge(document, json.loads(json.dumps(part)), file)
    document["info"]["version"] = version
    complete(document)
    return document


def without_uploads(document):
    """The document of a server that begins no resumable uploads (max-uploads 0); those that were begun go on. Changes the one
    that is given."""
    del document["paths"]["/uploads"]["post"], document["components"]["schemas"]["UploadCreated"]
    return document


def text_of(document):
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    try:
        print(text_of(read(sys.argv[1], sys.argv[2])), end="")
    except Wrong as problem:
        sys.exit(str(problem))
