"""Noise gate: what a vendor ships comes out with no error, and with two warnings at most over all rules."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from images import stock
from program import run
from tools import needs

MOST_WARNINGS = 2
IDS = {"debian-12": "debian", "ubuntu-24.04": "ubuntu", "rocky-9": "rocky", "fedora-40": "fedora",
       "opensuse-15.6": "opensuse-leap", "opensuse-15.6-snapshots": "opensuse-leap", "flatcar": "flatcar",
       "fedora-coreos": "fedora"}
# What the reader of file systems does not open yet has no system to name.
UNREAD = ("fedora-40", "opensuse-15.6-snapshots")


@pytest.fixture(scope="session")
def checked(tmp_path_factory):
    @cache
    def check(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        folder = tmp_path_factory.mktemp(name)
        path = stock.build(name, folder)
        result = run("check", path, "--no-checksum", "--format", "json", "--manifest", folder / "m.json", folder=folder)
        assert result.err == ""
        return result.document, json.loads((folder / "m.json").read_text())

    return check


def said(findings: dict[str, Any], severity: str) -> list[str]:
    return [f"{finding['rule']}: {finding['message']}" for finding in findings["findings"]
            if finding["severity"] == severity]


@needs(*stock.TOOLS)
@pytest.mark.parametrize("name", stock.STOCK)
def test_a_stock_image_is_quiet(name, checked):
    findings, _ = checked(name)
    assert said(findings, "error") == []
    assert len(said(findings, "warning")) <= MOST_WARNINGS, said(findings, "warning")


@needs(*stock.TOOLS)
@pytest.mark.parametrize("name", stock.STOCK)
def test_a_stock_image_is_seen(name, checked):
    """Silence counts only where something was looked at."""
    image = checked(name)[1]["image"]
    distro, _, processor = name.rpartition("-")
    if distro in UNREAD:
        return
    assert (image["os"]["id"], image["os"]["architecture"]) == (IDS[distro], processor)
    assert image["firmware"]["uefi"] is True
    assert image["guest"]
