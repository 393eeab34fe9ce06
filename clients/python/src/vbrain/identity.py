"""Who asks: the five headers, from arguments or from the environment."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import Dict, List, Optional, Tuple

VARIABLES = {"url": "VBRAIN_URL", "username": "VBRAIN_USERNAME", "organization_id": "VBRAIN_ORGANIZATION_ID",
             "application_id": "VBRAIN_APPLICATION_ID", "client_id": "VBRAIN_CLIENT_ID", "api_key": "VBRAIN_API_KEY"}
REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # undecodable bytes of the environment are surrogates


@dataclass(frozen=True)
class Identity:
    url: str
    username: str
    organization_id: str
    application_id: str
    client_id: str
    api_key: str = field(repr=False)  # never in a log or a notebook

    def __post_init__(self) -> None:
        """A key from a file ends with a newline. The HTTP library would show the header's value in its error, so what it refuses is
        refused here, without the value."""
        for name, variable in VARIABLES.items():
            value = getattr(self, name).strip()
            if REFUSED.search(value):
                raise ValueError(f"{name} (${variable}) has a control character or a byte that is not UTF-8")
            object.__setattr__(self, name, value)  # the way of frozen dataclasses

    @classmethod
    def read(cls, application_needed: bool = True, **given: Optional[str]) -> Identity:
        """Takes what is not given from the environment. Raises ValueError with all that is missing."""
        values: Dict[str, str] = {name: (given.get(name) or os.environ.get(variable, "")).strip() for name, variable in VARIABLES.items()}
        missing = [f"{name} (${VARIABLES[name]})" for name, value in values.items() if not value]
        if not application_needed:
            missing = [text for text in missing if not text.startswith("application_id ")]
        if missing:
            raise ValueError("missing: " + ", ".join(missing))
        values["url"] = values["url"].rstrip("/")
        if not values["url"].endswith("/api/v1"):
            values["url"] += "/api/v1"
        return cls(**values)

    def of_application(self, application: Optional[str]) -> Identity:
        return replace(self, application_id=application) if application else self

    def headers(self) -> List[Tuple[bytes, bytes]]:
        """As UTF-8, which is what the server reads. Raises ValueError without an application."""
        if not self.application_id:
            raise ValueError("no application: name it in run() or Client(), or set $VBRAIN_APPLICATION_ID")
        named = (("username", self.username), ("organization_id", self.organization_id),
                 ("application_id", self.application_id), ("client_id", self.client_id), ("x-api-key", self.api_key))
        return [(name.encode(), value.encode("utf-8")) for name, value in named]
