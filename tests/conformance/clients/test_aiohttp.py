"""aiohttp from PyPI against the platform: forms in chunks, many waits in one session, events, and downloads in parts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import python_tools

PROGRAM = Path(__file__).with_name("aiohttp_program.py")


def test_a_job_from_a_form_to_its_output(platform, probe):
    try:
        environment = python_tools.environment("tuspy")  # tuspy needs aiohttp
    except RuntimeError as problem:
        pytest.skip(str(problem))
    process = subprocess.Popen([sys.executable, PROGRAM, probe.base, json.dumps(probe.identity.headers())], env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        line = process.stdout.readline()
        if line:
            platform.release(json.loads(line))
        said, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint[-2000:]
    seen = json.loads(said)
    states = seen.pop("states")
    assert states[-1] == "finished" and "started" in states and "failed" not in states
    assert seen == {"sent": True, "results": [[200, {"output": [1, 2.5]}]], "after_the_end": "", "first_part": True, "joined": True,
                    "name": "De aiohttp", "input": ["números.csv"]}
