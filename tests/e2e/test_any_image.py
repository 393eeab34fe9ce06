"""HOME, TMPDIR, the working folder and the times of files, in any image, for any user, with a read-only root."""

import io
import zipfile

import pytest

# Uses what programs use without asking: tempfile, a cache in the home, a file in the working folder.
WRITER = """
import json, os, pathlib, tempfile, time
home = pathlib.Path.home()
(home / ".cache" / "tool").mkdir(parents=True)
(home / ".cache" / "tool" / "x").write_text("x")
pathlib.Path("here").write_text("x")
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
    temporary = os.path.dirname(file.name)
try:
    pathlib.Path("/probe").write_text("x")
    root = "writable"
except OSError as error:
    root = os.strerror(error.errno)
given = pathlib.Path(os.environ["VBRAIN_INPUT_DIR"]) / "given.txt"
result = {"uid": os.getuid(), "home": str(home), "tmp": temporary, "cwd": os.getcwd(), "root": root,
          "time": given.stat().st_mtime, "zone": time.strftime("%H:%M", time.localtime(given.stat().st_mtime))}
(pathlib.Path(os.environ["VBRAIN_OUTPUT_DIR"]) / "copy.txt").write_text(given.read_text())
os.utime(pathlib.Path(os.environ["VBRAIN_OUTPUT_DIR"]) / "copy.txt", (given.stat().st_mtime,) * 2)
pathlib.Path(os.environ["VBRAIN_RESULT_FILE"]).write_text(json.dumps(result))
"""

TIME = 1593606896  # 2020-07-01T12:34:56Z


def archive():
    """With the extra field of Info-ZIP that gives the time in UTC. The time of MS-DOS is that of Sao Paulo."""
    entry = zipfile.ZipInfo("given.txt", (2020, 7, 1, 9, 34, 56))
    entry.extra = b"UT\x05\x00\x01" + TIME.to_bytes(4, "little")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr(entry, "given")
    return file.getvalue()


def utc_time_of(data, name):
    extra = zipfile.ZipFile(io.BytesIO(data)).getinfo(name).extra
    while extra:
        tag, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if tag == 0x5455:
            return int.from_bytes(extra[5:9], "little")
        extra = extra[4 + size:]
    return None


READ_ONLY = {"readOnlyRootFilesystem": True}
CASES = {
    "Default": {},
    "ReadOnly": READ_ONLY,
    "AnyUser": {**READ_ONLY, "runAsUser": 1234567, "runAsGroup": 7654321},
    "UserOfTheRootGroup": {**READ_ONLY, "runAsUser": 1000650000, "runAsGroup": 0},
}
ZONES = {"Default": "Asia/Tokyo", "ReadOnly": "America/Sao_Paulo", "AnyUser": "Pacific/Kiritimati", "UserOfTheRootGroup": "UTC"}
LOCAL = {"Asia/Tokyo": "21:34", "America/Sao_Paulo": "09:34", "Pacific/Kiritimati": "02:34", "UTC": "12:34"}
# Zones without a database of zones in the image.
POSIX = {"Asia/Tokyo": "JST-9", "America/Sao_Paulo": "BRT3", "Pacific/Kiritimati": "LINT-14", "UTC": "UTC0"}


@pytest.fixture(scope="module")
def results(platform, make_application, tenants):
    """All jobs run side by side."""
    started = {}
    for name, context in CASES.items():
        make_application(f"Any{name}", command=("python3", "-c", WRITER), container={
            "securityContext": context, "env": [{"name": "TZ", "value": POSIX[ZONES[name]]}]})
    make_application("AnyScratch", image=platform.tutorial_image.replace("/tutorial:", "/controller:"),
                     command=("/usr/local/bin/controller", "reasons"), container={
                         "securityContext": {**READ_ONLY, "runAsUser": 1234567}})
    for name in [*CASES, "Scratch"]:
        rest = tenants.make(f"Any{name}")
        started[name] = (rest, rest.start(file=("input.zip", archive())))
    return {name: (rest, job, rest.wait(job)) for name, (rest, job) in started.items()}


@pytest.mark.parametrize("name", CASES)
def test_home_temporary_files_and_working_folder(results, name):
    rest, job, info = results[name]
    assert info["job_status"] == "finished", info
    result = rest.get(f"/job/{job}/result").json()["output"]
    assert result["uid"] == CASES[name].get("runAsUser", 65532)
    assert result["home"] == "/vbrain/work/home"
    assert result["cwd"] == "/vbrain/work/home"
    read_only = CASES[name].get("readOnlyRootFilesystem", False)
    assert result["tmp"] == ("/vbrain/work/tmp" if read_only else "/tmp")
    assert result["root"] == ("Read-only file system" if read_only else "Permission denied")


@pytest.mark.parametrize("name", CASES)
def test_times_in_every_zone(results, name):
    rest, job, _ = results[name]
    result = rest.get(f"/job/{job}/result").json()["output"]
    assert (result["time"], result["zone"]) == (TIME, LOCAL[ZONES[name]])
    assert utc_time_of(rest.get(f"/job/{job}/output").content, "copy.txt") == TIME


def test_an_image_without_a_shell(results):
    rest, job, info = results["Scratch"]
    assert info["job_status"] == "finished", info
    assert "| `Completed` |" in rest.log(job)
