"""What `make test` prints at its end: how many tests were skipped, and what each of them needs."""

import pytest
from counts import Count, count_googletest, count_junit, count_last_line, plain_reason

GOOGLETEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="5" failures="1" disabled="1" errors="0" name="AllTests">
  <testsuite name="Writers" tests="5" failures="1" disabled="1" skipped="2" errors="0">
    <testcase name="Good" status="run" result="completed" time="0." classname="Writers" />
    <testcase name="Bad" status="run" result="completed" time="0." classname="Writers">
      <failure message="x.cpp:1&#x0A;Expected" type=""><![CDATA[x]]></failure>
    </testcase>
    <testcase name="Absent" status="run" result="skipped" time="0." classname="Writers">
      <skipped message="/x/writers_test.cpp:81&#x0A;7z is missing"><![CDATA[x]]></skipped>
    </testcase>
    <testcase name="Kernel" status="run" result="skipped" time="0." classname="Writers">
      <skipped message="/x/parts_test.cpp:329&#x0A;this kernel has no Landlock&#x0A;"><![CDATA[x]]></skipped>
    </testcase>
    <testcase name="DISABLED_Off" status="notrun" result="suppressed" time="0." classname="Writers" />
  </testsuite>
</testsuites>"""

JUNIT = """<testsuites><testsuite name="pytest" tests="4">
  <testcase classname="a.b" name="good" time="0" />
  <testcase classname="a.b" name="bad" time="0"><error message="x">x</error></testcase>
  <testcase classname="a.b" name="table" time="0"><skipped type="pytest.skip" message="could not import 'pandas': No module named 'pandas'">x</skipped></testcase>
  <testcase classname="a.b" name="other" time="0"><skipped type="pytest.skip" message="could not import 'pandas': No module named 'pandas'">x</skipped></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(("text", "reason"), [
    ("could not import 'pandas': No module named 'pandas'", "pandas (python3-pandas)"),
    ("node is not installed", "node (nodejs)"), ("bsdtar is missing", "bsdtar (libarchive-tools)"),
    ("pwsh is not installed", "pwsh is not installed"), ("Chromium is not installed (Debian: chromium)", "Chromium is not installed (Debian: chromium)"),
    ("java 11.0 is too old;\n the example needs 17.0", "java 11.0 is too old; the example needs 17.0"), ("", "no reason is given")])
def test_a_reason_names_what_is_missing(text, reason):
    assert plain_reason(text) == reason


def test_reports_are_counted_with_their_reasons(tmp_path):
    (tmp_path / "g.xml").write_text(GOOGLETEST)
    total = count_googletest(tmp_path / "g.xml")
    assert (total.passed, total.failed, total.skipped, total.failures) == (1, 1, 3, ["Writers.Bad"])
    (tmp_path / "j.xml").write_text(JUNIT)
    total.add(count_junit(tmp_path / "j.xml"))
    (tmp_path / "chart.log").write_text("ok    a\nskip  the programs that ship (scripts/build.sh release first)\n1 passed, 0 failed, 1 skipped\n")
    total.add(count_last_line(tmp_path / "chart.log"))
    assert str(total) == "3 passed, 2 failed, 6 skipped"
    assert total.skips() == ["skipped: 7z (p7zip-full)", "skipped: Writers.DISABLED_Off is disabled", "skipped: pandas (python3-pandas) (2 tests)",
                             "skipped: the programs that ship (scripts/build.sh release first)", "skipped: this kernel has no Landlock"]


def test_tests_that_are_counted_as_skipped_have_a_reason():
    count = Count()
    count.skip("node (nodejs)", 40)
    assert (count.skipped, count.skips()) == (40, ["skipped: node (nodejs) (40 tests)"])
