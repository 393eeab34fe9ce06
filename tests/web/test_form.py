"""The form that the page makes of an application's paramsSchema: by the keyboard alone, faults at the fields, the JSON beside it."""

import json

import pytest
from platform_client import wait_until
from world import COMMAND

SCHEMA = {
    "type": "object", "description": "How the demand of stores is continued.", "additionalProperties": False, "required": ["horizon", "model"],
    "properties": {
        "horizon": {"type": "integer", "title": "Horizon", "description": "Weeks to look ahead.", "minimum": 1, "maximum": 104},
        "model": {"type": "object", "title": "Model", "description": "What the series is made of.", "required": ["kind"], "additionalProperties": False, "properties": {
            "kind": {"type": "string", "title": "Kind of model", "minLength": 2, "maxLength": 10},
            "order": {"type": "integer", "title": "Order", "minimum": 0, "default": 1}}},
        "damped": {"type": "boolean", "title": "Damped trend", "default": True},
        "method": {"type": "string", "title": "Method", "enum": ["level", "trend", "season"], "default": "trend"},
        "smoothing": {"type": "number", "title": "Smoothing", "minimum": 0, "maximum": 1, "default": 0.4},
        "stores": {"type": "array", "title": "Stores", "maxItems": 3, "items": {"type": "object", "title": "Store", "required": ["name"], "additionalProperties": False, "properties": {
            "name": {"type": "string", "title": "Name of the store", "minLength": 1}, "weight": {"type": "number", "title": "Weight", "minimum": 0}}}},
        "title": {"type": "string", "title": "Title of the report", "maxLength": 80},
    },
}
FILLED = {"horizon": 12, "model": {"kind": "ets", "order": 2}, "damped": False, "method": "season", "smoothing": 0.25,
          "stores": [{"name": "South"}, {"name": "North", "weight": 1.5}], "title": "Week 48"}
FOCUSED = "(document.activeElement.labels?.[0] ?? document.activeElement).innerText"
ERROR = """function () { return (this.getAttribute('aria-describedby') ?? '').split(' ').filter((id) => id.endsWith('-error')).map((id) => document.getElementById(id).innerText).join(); }"""


@pytest.fixture(scope="module")
def lead(world, make_application):
    make_application("Web-Form", command=COMMAND, backoffLimit=0, paramsSchema=SCHEMA)
    return world.tenants.make("Web-Form")


@pytest.fixture
def form(page, lead):
    page.sign_in(lead.identity, "#/submit")
    page.heading("New job")
    page.heading("Parameters")
    return page


def beside(page):
    """The params as the JSON has them, or None while it has a fault."""
    text = page.on(page.find("textbox", "Parameters as JSON"), "function () { return this.value; }")
    try:
        return json.loads(text or "{}")
    except json.JSONDecodeError:
        return None


def tab_to(page, label):
    """Goes forward to the next element with that label."""
    for _ in range(12):
        page.press("Tab")
        if page.tab.evaluate(FOCUSED).strip() == label:
            return
    raise AssertionError(f"the focus does not come to {label!r}; it is on {page.tab.evaluate(FOCUSED)!r}")


def focus_is_on(page, label):
    wait_until(f"the focus is on {label!r}", lambda: page.tab.evaluate(FOCUSED).strip() == label)


def error_at(page, name):
    return page.on(page.find("textbox", name), ERROR)


def fill_by_keyboard(page):
    """From the name of the job on, without the mouse."""
    page.on(page.find("textbox", "Name"), "function () { this.focus(); }")
    page.type("By the keyboard")
    for label, text in (("Horizon", "12"), ("Kind of model", "ets"), ("Order", "2")):
        tab_to(page, label)
        page.type(text)
    tab_to(page, "Damped trend")
    for _ in range(2):  # past the default and Yes
        page.press("ArrowDown")
    tab_to(page, "Method")
    for _ in range(3):
        page.press("ArrowDown")
    tab_to(page, "Smoothing")
    page.type("0.25")
    tab_to(page, "Add")
    page.press("Enter")
    focus_is_on(page, "Add an item")
    page.press("Enter")
    focus_is_on(page, "Name of the store")
    page.type("North")
    tab_to(page, "Weight")
    page.type("1.5")
    tab_to(page, "Add an item")
    page.press("Enter")
    focus_is_on(page, "Name of the store")
    page.type("South")
    tab_to(page, "↑")
    page.press("Enter")
    wait_until("the item has moved", lambda: [store["name"] for store in beside(page)["stores"]] == ["South", "North"])
    tab_to(page, "Title of the report")
    page.type("Week 48")


def test_filled_in_by_keyboard(form, lead):
    form.see("How the demand of stores is continued.", "Weeks to look ahead.", "1 to 104.", "What the series is made of.", "At most 80 characters.")
    assert form.on(form.find("textbox", "Smoothing"), "function () { return this.placeholder; }") == "Default: 0.4"
    assert form.on(form.find("combobox", "Method"), "function () { return [...this.options].map((one) => one.text); }") == ["Default: trend", "level", "trend", "season"]
    fill_by_keyboard(form)
    wait_until("the JSON has what the form has", lambda: beside(form) == FILLED)
    form.press("Enter")
    form.heading("By the keyboard")
    wait_until("the page of the job", lambda: form.fragment().startswith("#/jobs/"))
    job = form.fragment().split("/")[2]
    assert lead.get(f"/job/{job}/params").json() == FILLED
    form.click("tab", "Parameters")
    form.see("South", "Week 48")


def test_faults_stand_at_their_fields(form, lead):
    before = lead.get("/job").json()
    form.fill("Horizon", "200")
    wait_until("the fault is at the field", lambda: error_at(form, "Horizon") == "At most 104.")
    assert form.property(form.find("textbox", "Horizon"), "invalid") == "true"
    form.fill("Horizon", "twelve")
    wait_until("another fault", lambda: error_at(form, "Horizon") == "Write a whole number.")
    # What is missing is told at the first try to send, in one place with a way to each field.
    assert error_at(form, "Kind of model") == ""
    form.click("button", "Start job")
    form.see("2 parameters do not fit what the application takes:", "Fill this in.")
    wait_until("the list of faults has the focus", lambda: form.tab.evaluate("document.activeElement.id") == "errors")
    form.click("button", "model › kind")
    focus_is_on(form, "Kind of model")
    form.type("e")
    wait_until("too short", lambda: error_at(form, "Kind of model") == "At least 2 characters.")
    form.type("ts")
    form.fill("Horizon", "12")
    form.see_no_more("do not fit")
    assert [form.property(form.find("textbox", name), "invalid") for name in ("Horizon", "Kind of model")] == ["false", "false"]
    assert lead.get("/job").json() == before


def test_what_the_server_refuses_stands_at_the_field_too(form):
    form.fill("Kind of model", "ets")
    form.fill("Horizon", "200")
    form.click("button", "Start job")
    form.click("button", "Send it anyway: the server decides")
    form.see("The server did not take it", "Invalid params")
    assert error_at(form, "Horizon") != ""
    assert form.fragment() == "#/submit"


def test_the_json_changes_the_form(form):
    form.fill("Horizon", "12")
    wait_until("the JSON has it", lambda: beside(form)["horizon"] == 12)
    form.fill("Parameters as JSON", '{"horizon": 500, "model": {"kind": "arima", "order": 3}, "damped": false, "stores": [{"name": "East"}]}')
    wait_until("the form has it", lambda: form.on(form.find("textbox", "Kind of model"), "function () { return this.value; }") == "arima")
    assert error_at(form, "Horizon") == "At most 104."
    assert form.on(form.find("combobox", "Damped trend"), "function () { return this.selectedOptions[0].text; }") == "No"
    assert form.on(form.find("textbox", "Name of the store"), "function () { return this.value; }") == "East"
    form.fill("Parameters as JSON", '{"horizon": 26, "model"')
    form.see("Not valid JSON: line 1", "The JSON has a fault. Mend it there, then the form comes back.")
    assert form.property(form.find("button", "Start job"), "disabled")
    form.fill("Parameters as JSON", '{"horizon": 26, "model": {"kind": "ets"}}')
    wait_until("the form is back", lambda: form.has("textbox", "Horizon"))
    assert form.on(form.find("textbox", "Horizon"), "function () { return this.value; }") == "26"
    assert not form.property(form.find("button", "Start job"), "disabled")
