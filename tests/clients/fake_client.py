"""The Python package with the fake server; a pause is noted and takes no time."""

import sys
from pathlib import Path

import httpx
from fake_server import IDENTITY, JOB, FakeServer

PACKAGE = Path(__file__).resolve().parents[2] / "clients" / "python"
sys.path.insert(0, str(PACKAGE / "src"))
import vbrain  # noqa: E402

CREATED = (201, {"message": "Job created", "job_id": JOB})
LOST = httpx.ReadError("connection reset")


def client(*answers, **more):
    server = FakeServer(*answers)
    slept = []
    made = vbrain.Client(**{**IDENTITY, **more}, transport=server, sleep=slept.append)
    made.slept = slept
    return made, server
