"""Whom the client trusts to be the server."""

from __future__ import annotations

import os
import ssl
from typing import Optional, Union

VARIABLE = "VBRAIN_CA_FILE"


def trust(ca_file: Union[None, str, "os.PathLike[str]"]) -> Union[bool, ssl.SSLContext]:
    """`verify` of httpx: the authorities of a PEM file and no others, or those that httpx knows. Raises ValueError if it is no such
    file."""
    path: Optional[str] = os.fspath(ca_file) if ca_file else os.environ.get(VARIABLE, "").strip() or None
    if path is None:
        return True
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as problem:
        raise ValueError(f"ca_file (${VARIABLE}) {path} holds no PEM certificate that can be read: {problem}") from None
