"""The a·b application with every form of input."""

import io
import json
import re
import zipfile

import pytest
from platform_client import zip_of


def xlsx_of(rows):
    """The smallest workbook that spreadsheet programs open: one sheet of inline texts and numbers."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    cells = ""
    for number, row in enumerate(rows, 1):
        values = "".join(
            f'<c r="{column}{number}" t="inlineStr"><is><t>{value}</t></is></c>' if isinstance(value, str)
            else f'<c r="{column}{number}"><v>{value}</v></c>' for column, value in zip("ABCDEF", row))
        cells += f'<row r="{number}">{values}</row>'
    office = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return zip_of({
        "[Content_Types].xml":
            f'<Types xmlns="{package}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{office}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{office}.worksheet+xml"/></Types>',
        "_rels/.rels":
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml":
            f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
            '<sheet name="data" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels":
            f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    })


def assert_product(rest, job, want):
    info = rest.wait(job)
    assert info["job_status"] == "finished", info
    answer = rest.get(f"/job/{job}/result")
    assert (answer.status_code, answer.json()) == (200, {"output": want})
    return info


def test_json_body(tutorial):
    answer = tutorial.execute(params={"a": 10, "b": 20}, metadata={"name": "First", "more_data": 42})
    assert answer.status_code == 201, answer.text
    created = answer.json()
    assert created["message"] == "Job created"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", created["job_id"])
    assert re.fullmatch(r"\d{18}", created["repository_id"])

    info = assert_product(tutorial, created["job_id"], 200)
    assert info["job_id"] == created["job_id"]
    assert info["repository_id"] == created["repository_id"]
    assert info["name"] == "First"
    assert info["metadata"] == {"name": "First", "more_data": 42}
    assert info["params"] is True
    assert info["input"] == []
    assert info["created_by"] == "ana"
    assert info["jobs"] == [created["job_id"]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d", info["created_on"])
    assert tutorial.get(f"/job/{created['job_id']}/params").json() == {"a": 10, "b": 20}


@pytest.mark.parametrize(("name", "content", "want_input"), [
    ("input.zip", zip_of({"numbers.csv": "a,b\n6,7\n", "notes/readme.txt": "not a number"}),
     ["notes/readme.txt", "numbers.csv"]),
    ("wrapped.zip", zip_of({"INPUT/numbers.csv": "a,b\n6,7\n"}), ["numbers.csv"]),
    ("numbers.csv", b"a,b\n6,7\n", ["numbers.csv"]),
    ("numbers.xlsx", xlsx_of([["a", "b"], [6, 7]]), ["numbers.xlsx"]),
    ("numbers.json", json.dumps({"a": 6, "b": 7}).encode(), ["numbers.json"]),
], ids=["zip", "zip-wrapped", "csv", "xlsx", "json"])
def test_upload(tutorial, name, content, want_input):
    job = tutorial.start(file=(name, content))
    info = assert_product(tutorial, job, 42)
    assert sorted(info["input"]) == want_input


def test_params_of_a_repository_are_overlaid(tutorial):
    answer = tutorial.create_repository(params={"a": 3, "b": 4})
    assert answer.status_code == 201, answer.text
    assert answer.json()["message"] == "Repository created successfully"
    repository = answer.json()["repository_id"]
    job = tutorial.start(params={"b": 5}, repository_id=repository)
    assert_product(tutorial, job, 15)
    assert tutorial.get(f"/job/{job}/params").json() == {"a": 3, "b": 5}
    assert tutorial.get(f"/job/{job}").json()["repository_id"] == repository


def test_input_of_a_repository_is_read(tutorial):
    repository = tutorial.create_repository(file=("numbers.csv", b"a,b\n8,9\n")).json()["repository_id"]
    assert_product(tutorial, tutorial.start(repository_id=repository), 72)


def test_output_and_logs_are_zips(tutorial):
    job = tutorial.start(params={"a": 2, "b": 3})
    tutorial.wait(job)
    output = tutorial.get(f"/job/{job}/output")
    assert output.status_code == 200
    assert int(output.headers["Content-Length"]) == len(output.content)
    with zipfile.ZipFile(io.BytesIO(output.content)) as archive:
        assert archive.testzip() is None
        assert any("6" in archive.read(name).decode() for name in archive.namelist())
    logs = tutorial.get(f"/job/{job}/logs")
    assert logs.status_code == 200
    with zipfile.ZipFile(io.BytesIO(logs.content)) as archive:
        assert "stdout.log" in archive.namelist()
