"""What the reports on findings share."""

from __future__ import annotations

import msgspec
import pytest

from imgbuild.documents.findings import Finding, Subject
from imgbuild.model import Source
from imgbuild.reports.findings import SEVERITIES, address_of, counts, exit_status, place_of

FOUND = [Finding(rule=f"r-{severity}", severity=severity, group="file", cloud=None, message="m", hint="h",
                 subject=Subject(kind="image", path="d.raw")) for severity in SEVERITIES]


@pytest.mark.parametrize(("fail_on", "failing"), [
    ("error", {"error"}), ("warning", {"error", "warning"}), ("note", {"error", "warning", "note"}), ("never", set())])
def test_what_counts(fail_on, failing):
    assert {finding.severity for finding in FOUND if counts(finding, fail_on)} == failing
    assert exit_status(FOUND, fail_on) == bool(failing)
    assert exit_status((), fail_on) == 0


@pytest.mark.parametrize(("fields", "place"), [
    ({"guest_path": "/etc/fstab", "line": 4}, "/etc/fstab line 4"),
    ({"guest_path": "/etc/fstab"}, "/etc/fstab"),
    ({"line": 7, "column": 15}, "d.raw:7:15"),
    ({"pointer": "/min_disk"}, "/min_disk"),
    ({}, "d.raw"),
])
def test_places(fields, place):
    assert place_of(msgspec.structs.replace(FOUND[0].subject, **fields)) == place


@pytest.mark.parametrize(("url", "kept"), [
    ("https://example.org/a?b=c#d", True), ("http://example.org/", True), ("javascript:alert(1)", False),
    ('https://example.org/"><script>', False), ("//example.org", False), (None, False)])
def test_a_link_leads_to_the_web_and_nowhere_else(url, kept):
    assert (address_of(Source(title="t", url=url)) == url) is (kept or url is None)
