"""The Python package (clients/python), as a user of the tests."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "clients" / "python"
sys.path.insert(0, str(PACKAGE / "src"))
import vbrain  # noqa: E402, F401


def arguments(rest):
    identity = rest.identity
    return {"url": f"http://{rest.address}", "username": identity.username, "organization_id": identity.organization_id,
            "application_id": identity.application_id, "client_id": identity.client_id, "api_key": identity.key}
