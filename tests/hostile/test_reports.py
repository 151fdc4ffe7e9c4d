"""Whatever an image says, no format of report hands it on in a form that a reader of the report obeys.

All cases of A20, and those of other classes whose strings are as bad, are reported in all formats at once.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from hostile import watched
from hostile.cases import CASES
from program import WHERE
from tools import needs

from imgbuild.reports import NAMES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as the set itself")

FILES = {name: f"out.{name}" for name in NAMES}
CHOSEN = [case for case in CASES if not case.request and case.status is None and case.meanwhile is None
          and (case.attack in {"A20", "A16"} or "escape" in case.name)]
COMMAND = re.compile(r"::(error|warning|notice) ")
TAGS = ("<script", "<b>", "<!--")


@pytest.fixture
def reports(tmp_path_factory):
    """The folder that the reports of a case go to."""
    return tmp_path_factory.mktemp("reports")


@pytest.mark.parametrize("case", [pytest.param(case, marks=needs(*case.tools), id=f"{case.attack}-{number}")
                                  for number, case in enumerate(CHOSEN)])
def test_no_report_says_what_its_reader_obeys(case, tmp_path, reports):
    case.write(tmp_path)
    words = [word for name, file in FILES.items() for word in ("--format", f"{name}={reports / file}")]
    done = subprocess.run([sys.executable, "-m", "imgbuild", "check", "--no-checksum", *words, *case.words, "--",
                           case.name], cwd=tmp_path, capture_output=True, check=False, timeout=60,
                          env={**watched.os.environ, **WHERE, "NO_COLOR": "1"})
    assert done.returncode in {0, 1}, done.stderr
    texts = {name: (reports / file).read_text(encoding="utf-8") for name, file in FILES.items()}
    for name, text in texts.items():
        assert [mark for mark in text if not mark.isprintable() and mark != "\n"] == [], name
    count = len(json.loads(texts["json"])["findings"])
    assert count >= 1
    assert len(json.loads(texts["sarif"])["runs"][0]["results"]) == count
    assert ET.fromstring(texts["junit"]).tag == "testsuites"  # noqa: S314 - it is ours
    commands = [line for line in texts["github"].splitlines() if line.lstrip().startswith(("::", "##"))]
    assert all(COMMAND.match(line) for line in commands)
    assert len(commands) <= count
    for name in {"markdown", "html"} & set(NAMES):
        body = texts[name].partition("<body")[2] if name == "html" else re.sub(r"`[^`\n]*`", "", texts[name])
        assert [tag for tag in TAGS if tag in body.lower()] == [], name


def test_such_cases_are_there():
    assert len(CHOSEN) > 30
