"""examples/forecast on the platform: the examples of docs/clients.md, and what a workbook that can't be used ends with."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from platform_client import unzip, zip_of

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
import page_examples  # noqa: E402

EXAMPLE = ROOT / "examples" / "forecast"


@pytest.fixture(scope="module")
def forecast(platform, tenants):
    application = yaml.safe_load((EXAMPLE / "application.yaml").read_text())
    application["spec"]["template"]["spec"]["containers"][0]["image"] = platform.description["forecastImage"]
    platform.apply(application)
    return tenants.make("Forecast")


def test_the_examples_of_the_page_of_clients(forecast, tmp_path):
    subprocess.run([sys.executable, EXAMPLE / "sample.py", "sales.xlsx"], cwd=tmp_path, check=True)
    identity = forecast.identity
    done = subprocess.run([sys.executable, "-c", page_examples.EXAMPLES["forecast"]], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False, env={
        **os.environ, "NO_PROXY": "*", "PYTHONPATH": str(ROOT / "clients" / "python" / "src"), "VBRAIN_URL": f"http://{forecast.address}", "VBRAIN_USERNAME": identity.username,
        "VBRAIN_ORGANIZATION_ID": identity.organization_id, "VBRAIN_CLIENT_ID": identity.client_id, "VBRAIN_API_KEY": identity.key})
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ on average, [+-]\d+\.\d %, off by \d+\.\d %\n\{[^\n]*'smoothing': [0-9.]+[^\n]*\}\n", done.stdout), done.stdout
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "forecast.xlsx").read_bytes().startswith(b"PK")


def test_a_workbook_that_can_not_be_used(forecast):
    info = forecast.wait(job := forecast.start(file=("input.zip", zip_of({"sales.xlsx": "no workbook", "readme.txt": "saved as text"}))))
    assert (info["job_status"], info["reason"]) == ("failed", "NonZeroExit")
    assert "sales.xlsx can't be read as a workbook" in info["message"]
    assert unzip(forecast.get(f"/job/{job}/logs").content)["stderr.log"].decode().startswith("error: sales.xlsx")
