"""The benchmark works: a small run, a part that fails, and what is made of figures. How fast anything is decides nothing here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import document  # noqa: E402
import report  # noqa: E402
from trend import describe, slope  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def test_a_part_that_fails_has_a_row_and_the_others_are_measured(tmp_path):
    built = ROOT / "build" / "dev"
    programs = tmp_path / "programs"
    (programs / "bin").mkdir(parents=True)
    (programs / "bin" / "controller").symlink_to(built / "bin" / "controller")
    (programs / "bundle").symlink_to(built / "bundle")
    result = tmp_path / "result.json"
    # There is no api-server, so the part `creates` fails.
    done = subprocess.run([sys.executable, ROOT / "tests" / "bench" / "bench.py", "--parts", "jobs,creates,requests", "--contestants",
                           "ours,batch-small", "--jobs", "20", "--rounds", "1", "--minutes", "0", "--no-fsync", "--programs", programs,
                           "--json", result, "--state", tmp_path / "state"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    rows = json.loads(result.read_text())["table"]
    assert [row["what"] for row in rows if row["verdict"] == "failed"] == ["The part creates"], done.stdout + done.stderr
    seen = [row["what"] for row in rows]
    for wanted in ("20 jobs created as resources, all ended", "CPU seconds of controller per 1,000 jobs",
                   "API writes of the controller per job that succeeds within a second"):
        assert wanted in seen
    for row in report.markdown(document.rows_of({"table": rows})).splitlines():
        assert row in done.stdout


def test_the_part_for_a_real_kubelet_finds_its_modules():
    # `make bench` runs it last, after 20 minutes.
    subprocess.run([sys.executable, "-c", "import one_job"], cwd=ROOT / "tests" / "bench", check=True)


@pytest.mark.parametrize(("values", "wanted"), [
    ([10, 10, 11], "flat"),
    ([1, 3, 10], "linear"),
    ([1, 3, 100], "grows faster than linear"),
    ([50, 52, 53, 200], "grows faster than linear"),
    ([1, 30, 40], "grows slower than linear"),
    ([50, 40, 30], "falls"),
    ([19, 12, 18], "varies without a trend"),
])
def test_how_a_figure_grows(values, wanted):
    sizes = [1000, 3000, 10_000, 30_000][:len(values)]
    assert describe(list(zip(sizes, values, strict=True)), "MiB").partition(" (")[0] == wanted


def test_a_slope_is_that_of_least_squares():
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert describe([(1000, 1)], "MiB") == "one size only"


def test_a_failure_is_one_row_of_the_table():
    row = report.row_of_failure("The part x", AssertionError("first | line\nsecond"))
    assert row.cells()[-1] == "failed"
    assert row.figure == "AssertionError: first / line second"


def figures():
    one = {"memory_mib": {"controller": 20.0, "api-server": 18.0}, "informers_mib": 90.0, "start_ms": 300, "curl_list_ms": 200, "list_ms": 1.5,
           "jobs_per_s": 30.0}
    used = {name: {"cpu_s": seconds} for name, seconds in (("kube-apiserver", 25.0), ("controller", 4.0))}
    return {"date": "2026-01-02", "versions": {"commit": "abc", "kubernetes": "1", "etcd": "2", "kwok": "3"}, "titles": {"ours": "vBrain"},
            "machine": {"cpus": 2, "cpu": "a CPU", "memory_gib": 8, "kernel": "6", "file_system": "ext4", "fsync": True, "load_before": 0.0},
            "table": report.as_json([report.Row("what", "1 /s", value=2, goal=1.5)]),
            "figures": {"jobs": {"ours": [{"objects": 1000, "done_per_s": 40.0, "processes": used}]},
                        "growth": {"empty": {}, "watch": {}, "1000": one, "10000": {**one, "start_ms": 3000}}}}


def test_the_pages_get_the_figures_and_no_part_that_was_not_measured():
    result = figures()
    assert "| what | 1 /s | – | 2.00× | ≥ 1.5× | meets |" in document.block_of_figures(result)
    assert "| kube-apiserver | 25.0 ms |" in document.block_of_cost(result)
    growth = document.block_of_growth(result)
    assert "| known Jobs | 1,000 | 10,000 | how it grows |" in growth
    assert "| start of the controller → pod of a new Job, ms | 300 | 3,000 | linear (+300 ms per 1,000 Jobs) |" in growth
    assert all(svg.startswith("<svg") for _, _, svg in document.plots_of(result))
    result["figures"] = {"jobs": {}, "growth": {}}
    assert document.block_of_cost(result) is None
    assert document.block_of_growth(result) is None


def test_a_block_is_replaced_and_the_rest_of_the_page_stays():
    page = "a\n<!-- x: begin (tests/bench/document.py) -->\nold\n<!-- x: end -->\nb\n"
    assert document.filled(page, "x", "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="no block y"):
        document.filled(page, "y", "new")


@pytest.mark.parametrize(("page", "blocks"), [("benchmarks.md", ["figures"]), ("scaling.md", ["cost", "growth"])])
def test_the_pages_have_the_blocks(page, blocks):
    text = (ROOT / "docs" / page).read_text()
    for block in blocks:
        assert document.filled(text, block, "new") != text
