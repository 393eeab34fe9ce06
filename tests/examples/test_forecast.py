"""examples/forecast: what it computes, and what it says about workbooks and params that it can't use."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import yaml

pytest.importorskip("openpyxl")
pytest.importorskip("cairo")
from openpyxl import Workbook, load_workbook  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "forecast"
sys.path.insert(0, str(FOLDER))
import main  # noqa: E402
import model  # noqa: E402
import sample  # noqa: E402


@pytest.fixture
def job(tmp_path):
    """Runs the program as the runner does: job(files, params) gives the finished process; its files are in tmp_path."""
    for name in ("input", "output"):
        (tmp_path / name).mkdir()

    def start(files=(), params=None):
        for name, content in dict(files).items():
            (tmp_path / "input" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "input" / name).write_bytes(content)
        (tmp_path / "params.json").write_text(json.dumps(params or {}))
        return subprocess.run([sys.executable, FOLDER / "main.py"], capture_output=True, text=True, check=False, env={
            "VBRAIN_PARAMS_FILE": str(tmp_path / "params.json"), "VBRAIN_INPUT_DIR": str(tmp_path / "input"),
            "VBRAIN_OUTPUT_DIR": str(tmp_path / "output"), "VBRAIN_RESULT_FILE": str(tmp_path / "result.json")})

    start.folder = tmp_path
    return start


def book_of(folder, *rows):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(folder / "made.xlsx")
    return (folder / "made.xlsx").read_bytes()


def sample_book(folder):
    sample.write(folder / "sales.xlsx")
    return (folder / "sales.xlsx").read_bytes()


# --- the model


def test_a_series_that_repeats_is_continued():
    values = [100 + 10 * (number % 4) for number in range(24)]
    found = model.forecast(values, horizon=6, season=4)
    assert found["forecast"] == pytest.approx([100, 110, 120, 130, 100, 110], abs=0.01)
    assert found["error_percent"] == pytest.approx(0, abs=0.01) and found["growth_percent"] < 0  # it ends in the middle of a season
    assert found["observations"] == 24


def test_a_line_goes_on():
    found = model.forecast([float(number) for number in range(10, 30)], horizon=5, method="trend")
    assert found["forecast"] == pytest.approx([30, 31, 32, 33, 34])
    assert found["growth_percent"] == pytest.approx(100 * (32 / 27 - 1))


def test_a_level_stays():
    assert model.forecast([7.0] * 5, horizon=3, method="level")["forecast"] == pytest.approx([7, 7, 7])


def test_trend_and_season_together():
    values = [5 * number + 40 * ((number % 12) // 6) for number in range(48)]
    found = model.forecast(values, horizon=12, season=12)
    assert found["forecast"] == pytest.approx([5 * number + 40 * ((number % 12) // 6) for number in range(48, 60)], abs=1)


def test_more_confidence_is_a_wider_range():
    values = [row[1] for row in sample.rows()]
    narrow, wide = (model.forecast(values, confidence=confidence) for confidence in (0.5, 0.99))
    assert all(low < high for low, high in zip(wide["lower"], narrow["lower"]))
    assert all(low <= value <= high for low, value, high in zip(narrow["lower"], narrow["forecast"], narrow["upper"]))
    assert narrow["upper"][-1] - narrow["lower"][-1] > narrow["upper"][0] - narrow["lower"][0]


def test_the_best_smoothing_is_at_least_as_good_as_any_other():
    values = [row[1] for row in sample.rows()]
    best = model.forecast(values)
    assert all(best["error_percent"] <= model.forecast(values, smoothing=step)["error_percent"] * 1.02 for step in (0.05, 0.3, 0.95))
    assert model.forecast(values, smoothing=0.42)["smoothing"]["level"] == 0.42


def test_a_series_of_zeros():
    found = model.forecast([0.0] * 6, horizon=2, method="level")
    assert (found["mean"], found["growth_percent"], found["error_percent"]) == (0, None, 0)


# --- params


@pytest.mark.parametrize(("params", "says"), [
    ({"horizon": 0}, "horizon must be a whole number from 1 to 60, not 0"),
    ({"horizon": 61}, "horizon must be"), ({"horizon": 2.5}, "not 2.5"), ({"horizon": True}, "not true"), ({"horizon": "12"}, 'not "12"'),
    ({"season": 0}, "season must be"), ({"confidence": 1}, "confidence must be a number from 0.5 to 0.99"), ({"smoothing": 0}, "smoothing must be"),
    ({"method": "magic"}, "method must be one of holt-winters, trend, level"), ({"method": ["level"]}, "method must be"),
    ({"column": 7}, "column must be a text"), ({"colour": "red"}, "unknown params: colour"),
])
def test_params_that_are_wrong(params, says):
    with pytest.raises(main.InputError, match=None) as caught:
        main.checked(params)
    assert says in str(caught.value)


def test_the_schema_is_what_the_program_checks():
    schema = yaml.safe_load((FOLDER / "application.yaml").read_text())["spec"]["paramsSchema"]
    assert set(schema["properties"]) == set(main.DEFAULTS)
    assert schema["properties"]["method"]["enum"] == list(model.METHODS)
    for name, part in schema["properties"].items():
        assert part.get("default") == main.DEFAULTS[name]
        assert part["description"].endswith(".")
        for bound in ("minimum", "maximum"):
            if bound in part:
                assert main.checked({name: part[bound]})[name] == part[bound]


# --- labels


@pytest.mark.parametrize(("labels", "want"), [
    ([datetime(2026, 11, 1), datetime(2026, 12, 1)], [datetime(2027, 1, 1), datetime(2027, 2, 1)]),
    ([datetime(2026, 1, 28), datetime(2026, 2, 28)], [datetime(2026, 3, 28), datetime(2026, 4, 28)]),
    ([datetime(2026, 1, 5), datetime(2026, 1, 12)], [datetime(2026, 1, 19), datetime(2026, 1, 26)]),
    (["a", "b", "c"], [4, 5]), ([1], [2, 3]), ([datetime(2026, 1, 5), "b"], [3, 4]),
    ([datetime(2026, 1, 5), datetime(2026, 1, 5)], [datetime(2026, 1, 6), datetime(2026, 1, 7)]),
])
def test_the_labels_that_follow(labels, want):
    assert main.labels_after(labels, 2) == want


# --- the program


def test_a_workbook_in_and_a_workbook_out(job, tmp_path):
    done = job({"sales.xlsx": sample_book(tmp_path)}, {"column": "south", "horizon": 6})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["column"], result["method"], result["observations"]) == ("south", "holt-winters", 60)
    assert len(result["forecast"]) == len(result["lower"]) == len(result["upper"]) == 6
    assert 0 < result["error_percent"] < 10
    book = load_workbook(tmp_path / "output" / "forecast.xlsx", read_only=True)
    rows = list(book["Forecast"].iter_rows(values_only=True))
    assert rows[0] == ("period", "south", "forecast", "lower", "upper") and len(rows) == 1 + 60 + 6
    assert rows[61][:3] == (datetime(2026, 1, 1), None, round(result["forecast"][0], 4))
    assert dict(book["Summary"].iter_rows(values_only=True))["observations"] == 60
    assert (tmp_path / "output" / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_result_has_what_its_schema_requires(job, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    job({"sales.xlsx": sample_book(tmp_path)})
    schema = yaml.safe_load((FOLDER / "application.yaml").read_text())["spec"]["resultSchema"]
    jsonschema.validate(json.loads((tmp_path / "result.json").read_text()), schema)


def test_constant_and_few_values_have_a_chart_too(job, tmp_path):
    done = job({"a.xlsx": book_of(tmp_path, ["value"], [5], [5], [5])}, {"method": "level", "horizon": 1})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output" / "chart.png").exists()


def test_the_first_workbook_by_name_counts_and_open_ones_do_not(job, tmp_path):
    good = book_of(tmp_path, ["value"], *[[number] for number in range(30)])
    done = job({"~$b.xlsx": b"lock", "sub/b.xlsx": good, "sub/c.xlsx": b"not looked at"})
    assert "reading sub/b.xlsx" in done.stdout and done.returncode == 0, done.stderr


@pytest.mark.parametrize(("rows", "params", "says"), [
    ([["value"]], {}, "needs a row of headings and rows with values below it"),
    ([["month", "north"], ["a", 1], ["b", "n/a"]], {}, "row 3 of 'north' has 'n/a' instead of a number"),
    ([["month", "north"], ["a", 1], [None, None], ["b", None]], {}, "row 4 of 'north' has no value instead of a number"),
    ([["month", "north"], ["a", "=1+1"]], {}, "open and save the workbook in a spreadsheet program"),
    ([["month", "north"], ["a", 1]], {"column": "west"}, "no column 'west'; its columns are month, north"),
    ([["value"], [1], [2], [3]], {}, "'value' has 3 values, and this season and method need 24"),
    ([["value"], [1], [2]], {"method": "level"}, "has 2 values, and this season and method need 3"),
])
def test_a_workbook_that_can_not_be_used(job, tmp_path, rows, params, says):
    done = job({"book.xlsx": book_of(tmp_path, *rows)}, params)
    assert done.returncode == 1 and not (tmp_path / "result.json").exists()
    assert done.stderr.startswith("error: book.xlsx") and done.stderr.count("\n") == 1 and says in done.stderr


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04 broken", b"\xd0\xcf\x11\xe0 an old .xls"])
def test_a_file_that_is_no_workbook(job, content):
    done = job({"book.xlsx": content})
    assert done.returncode == 1 and "book.xlsx can't be read as a workbook" in done.stderr and "Traceback" not in done.stderr


def test_an_archive_without_a_workbook_in_it(job, tmp_path):
    import zipfile
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    done = job({"book.xlsx": (tmp_path / "other.zip").read_bytes()})
    assert done.returncode == 1 and "can't be read as a workbook" in done.stderr


def test_no_workbook_at_all(job):
    done = job({"data.csv": b"a,b\n1,2\n"})
    assert (done.returncode, done.stderr) == (1, "error: the input has no .xlsx file: send a workbook, or choose a repository that has one\n")
