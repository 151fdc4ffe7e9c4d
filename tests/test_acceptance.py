"""Which findings count: severities, suppressions until a day, and what a baseline knows."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from documents import BELOW, CUT, NEAR
from msgspec.structs import replace

from imgbuild.acceptance import BASELINE, Acceptance, read_baseline
from imgbuild.config import Suppression
from imgbuild.errors import ImgbuildError

TODAY = dt.date(2026, 11, 28)


def judged(*found, **decided):
    verdict = Acceptance(today=TODAY, **decided).judge(found)
    return [finding.rule for finding in verdict.findings], [(it.finding.rule, it.reason) for it in verdict.accepted]


def test_nobody_has_decided_anything():
    assert judged(BELOW, CUT) == ([BELOW.rule, CUT.rule], [])


def test_another_severity():
    verdict = Acceptance(severities=((CUT.rule, "error"),)).judge([BELOW, CUT])
    assert [finding.severity for finding in verdict.findings] == ["error", "error"]


def test_a_rule_that_is_off_says_nothing():
    assert judged(BELOW, CUT, severities=((CUT.rule, "off"),)) == ([BELOW.rule], [])


@pytest.mark.parametrize(("expires", "counts"), [
    (None, False), (TODAY, False), (TODAY - dt.timedelta(days=1), True), (TODAY + dt.timedelta(days=1), False)])
def test_a_suppression_holds_to_the_end_of_its_day(expires, counts):
    entry = Suppression(rule=CUT.rule, reason="known", expires=expires)
    expected = ([CUT.rule], []) if counts else ([], [(CUT.rule, "known")])
    assert judged(CUT, suppressions=(entry,)) == expected
    assert Acceptance(suppressions=(entry,), today=TODAY).expired() == ((entry,) if counts else ())


@pytest.mark.parametrize(("pattern", "accepted"), [
    ("disk.qcow2", True), ("*.qcow2", True), ("builds/*", True), ("other*", False), ("DISK.qcow2", False)])
def test_a_suppression_of_some_files(pattern, accepted):
    finding = replace(CUT, subject=replace(CUT.subject, path="builds/disk.qcow2"))
    found, apart = judged(finding, suppressions=(Suppression(rule=CUT.rule, reason="known", path=pattern),))
    assert (not found, bool(apart)) == (accepted, accepted)


def test_a_baseline_knows_fingerprints(tmp_path):
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"kind": "findings", "findings": [{"rule": "x", "fingerprint": "aa"}]}))
    known = read_baseline(str(path))
    old, new = replace(CUT, fingerprint="aa"), replace(NEAR, fingerprint="bb")
    assert judged(old, new, known=known) == ([NEAR.rule], [(CUT.rule, BASELINE)])


@pytest.mark.parametrize(("text", "message"), [
    ("[]", "is no findings document: Expected `object`, got `array`"),
    ("{", "is no findings document: Input data was truncated"),
    ('{"a":' * 100_000, "is no findings document: maximum recursion depth exceeded"),
    ('{"kind": "manifest", "findings": []}', "is a document of the kind 'manifest'")])
def test_what_is_no_baseline(tmp_path, text, message):
    path = tmp_path / "known.json"
    path.write_text(text)
    with pytest.raises(ImgbuildError) as failure:
        read_baseline(str(path))
    assert message in failure.value.message


def test_a_baseline_that_is_not_there(tmp_path):
    with pytest.raises(ImgbuildError, match=r"^cannot read the baseline .*: No such file"):
        read_baseline(str(tmp_path / "known.json"))
