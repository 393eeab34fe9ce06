"""The examples of the README of the Python package run on the platform."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import python_tools
import readme_cells
from python_package import PACKAGE, arguments

pytestmark = pytest.mark.xdist_group("contract")

# Multiplies two numbers, as the Tutorial does, or the whole numbers of a table, or waits for its end. It needs no pandas, which its image does not have.
APPLICATION = """
import csv, json, os, pathlib, time
params = json.load(open(os.environ["VBRAIN_PARAMS_FILE"]))
print("begun", flush=True)
while params.get("wait"):
    time.sleep(0.1)
if "factor" in params:
    source = pathlib.Path(os.environ["VBRAIN_INPUT_DIR"]) / "data_input.csv"
    target = pathlib.Path(os.environ["VBRAIN_OUTPUT_DIR"]) / "table.csv"
    with open(source, newline="", encoding="utf-8") as read, open(target, "w", newline="", encoding="utf-8") as written:
        for row in csv.reader(read):
            csv.writer(written, lineterminator="\\n").writerow([int(cell) * params["factor"] if cell.isdecimal() else cell for cell in row])
if "a" in params and "b" in params:
    pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text(json.dumps(params["a"] * params["b"]))
"""
PARAMS = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}


def test_each_example_has_a_check():
    assert len({readme_cells.words_of(block) for block in readme_cells.BLOCKS}) == len(readme_cells.BLOCKS)


def test_the_examples(tenants, make_application, tmp_path):
    try:
        packages = [python_tools.folder("pandas"), python_tools.folder()]  # pandas; tqdm
    except RuntimeError as problem:
        pytest.skip(str(problem))
    make_application("Readme", command=("python3", "-c", APPLICATION), paramsSchema=PARAMS)
    team = tenants.team("Readme", ana="leader", bot="developer")
    environment = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": os.pathsep.join(map(str, [PACKAGE / "src", *packages])),
                   **{f"VBRAIN_{name.upper()}": value for name, value in arguments(team["ana"]).items()}}
    done = subprocess.run([sys.executable, Path(readme_cells.__file__), "Readme"], cwd=tmp_path, env=environment, capture_output=True, text=True,
                          timeout=600, check=False)
    assert done.stdout == "all examples have run\n", done.stdout + done.stderr
