"""Puts the OpenAPI document together from the YAML files of a folder: document.py FOLDER VERSION

The mappings of all files are merged; a key that two files have is an error, unless both values are mappings. What
base.yaml names in `x-every-operation` and `x-every-answer` is added to each operation and to each of its answers.
Prints the document as JSON without white space. The keys keep the order of the files: base.yaml first, the others by name.
"""

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


def complete(document):
    """Adds to each operation what all operations have."""
    common = document.pop("x-every-operation", {"parameters": [], "responses": {}})
    headers = document.pop("x-every-answer", {"headers": {}})["headers"]
    answers = []
    for item in document["paths"].values():
        for method, operation in item.items():
            if method not in METHODS:
                continue
            is_open = operation.get("security") == []
            if not is_open:
                operation["parameters"] = [*operation.get("parameters", []), *common["parameters"]]
                for status, answer in common["responses"].items():
                    # Only a body can pause or be too large.
                    if "requestBody" in operation or status not in ("408", "413"):
                        operation["responses"].setdefault(status, answer)
            operation["responses"] = dict(sorted(operation["responses"].items()))
            if not is_open:
                answers += operation["responses"].values()
    for answer in answers:
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
    """The document of a server that takes no resumable uploads (max-uploads 0). Changes the one that is given."""
    document["paths"] = {path: item for path, item in document["paths"].items() if not path.startswith("/uploads")}
    document["tags"] = [tag for tag in document["tags"] if tag["name"] != "uploads"]
    return document


def text_of(document):
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    try:
        print(text_of(read(sys.argv[1], sys.argv[2])), end="")
    except Wrong as problem:
        sys.exit(str(problem))
