"""Every example of docs/clients.md runs and prints the product of the two numbers. A language that is not installed is skipped."""

import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients"))
import page_examples  # noqa: E402


@pytest.mark.parametrize("kind", page_examples.RUNS)
def test_an_example(kind, tutorial, tmp_path):
    reason = page_examples.why_not(kind)
    if reason:
        pytest.skip(reason)
    identity = tutorial.identity
    done = page_examples.run(kind, tmp_path, tutorial.address, {
        "USERNAME": identity.username, "ORGANIZATION_ID": identity.organization_id, "APPLICATION_ID": identity.application_id,
        "CLIENT_ID": identity.client_id, "API_KEY": identity.key})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() in ("200", '{"output":200}'), done.stdout + done.stderr
    archives = list(tmp_path.glob("*.zip"))
    assert len(archives) == (kind in page_examples.DOWNLOAD)
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None and archive.namelist()
