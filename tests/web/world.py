"""What the tests of the page look at: applications, teams, and jobs that are started before the first test and run meanwhile."""

import base64
import functools
import json
import os
import sys
import tempfile
from pathlib import Path

import yaml
from platform_client import wait_until

FORECAST = Path(__file__).resolve().parents[2] / "examples" / "forecast"
sys.path.insert(0, str(FORECAST))
import sample  # noqa: E402

# Does what its params say. With `wait` it prints what the test puts into files say-… of the repository's input, until there
# is a file `release`.
CODE = r"""
import base64, json, os, pathlib, sys, time
params = json.load(open(os.environ["VBRAIN_PARAMS_FILE"]))
inputs, output, logs = (pathlib.Path(os.environ[f"VBRAIN_{name}_DIR"]) for name in ("INPUT", "OUTPUT", "LOG"))
for line in params.get("say", []):
    print(line, flush=True)
for line in params.get("complain", []):
    print(line, file=sys.stderr, flush=True)
if params.get("flood"):
    sys.stdout.write("<script>window.canary = 1</script>" * ((8 << 20) // 34) + "\n")
    for number in range(20000):
        sys.stdout.write(f"\x1b[{number % 200}m\x1b]0;title\x07\x1b[2J\x1b[{number}A\x1b[38;5;{number % 256}mflood {number}\x1b[0m\n")
    print("<script>window.canary = 1</script>" * 20000, "is the last line", flush=True)
told = set()
while params.get("wait"):
    for file in sorted(inputs.glob("say-*")):
        if file.name not in told:
            told.add(file.name)
            print(file.read_text(), flush=True)
    if (inputs / "release").exists():
        break
    time.sleep(0.1)
for name, content in params.get("files", {}).items():
    path = output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(content))
if "result" in params:
    pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text(json.dumps(params["result"]))
sys.exit(params.get("exit", 0))
"""
COMMAND = ("python3", "-c", CODE)
SWEEP = 20


def packed(files):
    """Files as the params of the application have them."""
    return {name: base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode() for name, content in files.items()}


class World:
    def __init__(self, platform, tenants, make_application):
        self.platform, self.tenants = platform, tenants
        make_application("Web", command=COMMAND, backoffLimit=0)
        self.team = tenants.team("Web", ana="leader", bruno="developer", carla="stakeholder")
        self.lead = self.team["ana"]
        forecast = yaml.safe_load((FORECAST / "application.yaml").read_text())
        forecast["spec"]["template"]["spec"]["containers"][0]["image"] = platform.description["forecastImage"]
        platform.apply(forecast)
        self.analysts = tenants.team("Forecast", client="north", ana="leader", bruno="developer", carla="leader")
        _ = self.sweep, self.with_files, self.failed  # they run while the first tests do

    def start(self, name, repository=None, **params):
        """A job of the leader, which is named."""
        return self.lead.start(params=params, metadata={"name": name}, **({"repository_id": repository} if repository else {}))

    def waiting(self, name):
        """(job, repository) of a job that runs until it is released."""
        repository = self.lead.repository(params={"wait": True}, metadata={"name": f"{name}, its input"})
        return self.start(name, repository), repository

    def tell(self, repository, text):
        """Lets the job that waits on the repository print the text."""
        folder = self.platform.repository_folder(repository) / "input"
        number = len(list(folder.glob("say-*")))
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.rename(file.name, folder / f"say-{number:04}")

    def release(self, repository):
        self.platform.release(repository)

    def has_ended(self, *jobs, rest=None):
        rest = rest or self.lead
        for job in jobs:
            info = rest.wait(job)
            assert info["job_status"] == "finished", info
        return jobs[0]

    # --- jobs that several tests look at

    @functools.cached_property
    def with_files(self):
        """A finished job with a file of each kind."""
        rows = "".join(f"{week},{90 + week % 13},{1000 - 3 * week}\n" for week in range(1, 1501))
        return self.start("Weekly report", say=[f"line {number}" for number in range(1, 301)], complain=["a warning"],
                          result={"mean": 812.5, "stores": ["North", "South"], "big": 9007199254740993},
                          files=packed({
                              "table.csv": "week,price,stock\n" + rows, "semicolons.csv": "a;b\n1,5;2\n", "data.json": json.dumps({"total": 3, "list": [1, 2]}),
                              "picture.png": PNG, "drawing.svg": SVG, "notes.txt": "plain text\n", "report.pdf": "%PDF-1.4\n%%EOF\n", "page.html": "<h1>not a heading</h1>",
                              "deep/folder/inside.csv": "x,y\n1,2\n", "unknown.bin": b"\0\1\2", "empty.txt": b""}))

    @functools.cached_property
    def failed(self):
        """A job that failed."""
        return self.start("Import of prices", say=["reading prices.csv"], complain=["Traceback (most recent call last):", "ValueError: row 12 has no price"], exit=1)

    @functools.cached_property
    def sample_book(self):
        """The bytes of a workbook for examples/forecast."""
        with tempfile.TemporaryDirectory() as folder:
            sample.write(Path(folder) / "sales.xlsx")
            return (Path(folder) / "sales.xlsx").read_bytes()

    @functools.cached_property
    def sweep(self):
        """(repository, jobs) of forecasts that differ in one param."""
        lead = self.analysts["ana"]
        repository = lead.repository(params={"column": "north"}, file=("sales.xlsx", self.sample_book), metadata={"name": "Sales, five years"})
        jobs = [lead.start(params={"smoothing": step / SWEEP}, repository_id=repository, metadata={"name": f"Smoothing {step * 100 // SWEEP} %"})
                for step in range(1, SWEEP + 1)]
        return repository, jobs


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNkaPjPwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==")
SVG = ('<svg xmlns="http://www.w3.org/2000/svg" width="320" height="120"><rect width="320" height="120" fill="#eef"/>'
       '<script>window.canary = 1; parent.canary = 1; fetch("/canary-svg")</script><circle cx="60" cy="60" r="40" fill="#4150c8" onload="window.canary = 1"/></svg>')
