"""JUnit XML: valid by the grammar of Jenkins' xUnit plugin, red where the exit status is."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from documents import BELOW, CUT, HOSTILE, IMAGE, MANIFEST, NEAR, RULES, findings
from images.run import run
from tools import needs

from imgbuild import reports
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView

GRAMMAR = os.environ.get("IMGBUILD_JUNIT_XSD")


def made(*found, **view):
    fields = {"findings": findings(*found), "cloud": "huaweicloud", "status": 1, "rules": RULES, **view}
    return reports.render("junit", FindingsView(**fields), Page())


def suites(*found, **view):
    return ET.fromstring(made(*found, **view)).findall("testsuite")  # noqa: S314 - we wrote it


def test_what_counts_fails_and_what_does_not_passes():
    found = suites(BELOW, CUT, NEAR, name="request.json", images=(IMAGE,), manifests=(MANIFEST,))
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in found] == [
        ("disk.qcow2", "1", "0"), ("request.json", "2", "1")]
    assert [case.find("system-out").text.split("\n")[0] for case in found[0]] == [
        "warning: the file ends before its tables"]


@pytest.mark.parametrize(("fail_on", "failures"), [("error", 1), ("warning", 2), ("note", 3), ("never", 0)])
def test_fail_on_decides(fail_on, failures):
    found = [int(suite.get("failures")) for suite in suites(BELOW, CUT, NEAR, fail_on=fail_on)]
    assert sum(found) == failures


def test_a_failure_says_where_why_and_how_to_cure_it():
    (suite,) = suites(BELOW, name="request.json")
    (case,) = suite
    assert (case.get("name"), case.get("classname")) == ("ims-min-disk-below-disk /min_disk:3", "imgbuild.request")
    failure = case.find("failure")
    assert failure.get("message") == "min_disk is 1 GiB: 3 or more is expected"
    assert failure.text.split("\n")[1:] == [
        "fix: Write 3 or more.", "says: Creating Image Metadata, https://example.com/api",
        "says: Image Attributes, https://example.com/attributes", "server: IMG.0055"]


def test_a_suite_without_findings_passes():
    (suite,) = suites(images=(IMAGE,), manifests=(MANIFEST,))
    assert [case.get("name") for case in suite] == ["7 rules"]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")


@needs("xmllint")
@pytest.mark.skipif(GRAMMAR is None and not os.environ.get("IMGBUILD_NO_SKIPS"),
                    reason="IMGBUILD_JUNIT_XSD does not name junit-10.xsd of the xUnit plugin: see .ci/run")
@pytest.mark.parametrize("found", [(), (BELOW, CUT, NEAR), (HOSTILE,)], ids=["nothing", "three", "hostile"])
def test_it_is_valid_by_the_published_grammar(found, tmp_path):
    path = tmp_path / "report.xml"
    path.write_bytes(made(*found, images=(IMAGE,), manifests=(MANIFEST,)))
    run("xmllint", "--noout", "--nonet", "--schema", Path(GRAMMAR), path)
