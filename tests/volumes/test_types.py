from __future__ import annotations

import re
import subprocess

import pytest
from tools import needs

from imgbuild.volumes import types


@pytest.mark.parametrize(("guid", "name"), [
    ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EFI system"), ("21686148-6449-6E6F-744E-656564454649", "BIOS boot"),
    ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "root (x86-64)"), ("B921B045-1DF0-41C3-AF44-4C6F280D3FAE", "root (arm64)"),
    ("8484680C-9521-48C6-9C11-B0720656F69E", "usr (x86-64)"), ("5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6", "Flatcar usr"),
    ("E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft reserved"), ("E6D6D379-F507-44C2-A23C-238F2A3DF928",
                                                                     "Linux LVM"),
    ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "extended boot (XBOOTLDR)"),
    ("516E7CB6-6ECF-11D6-8FF8-00022D09712B", "FreeBSD UFS"),
    ("00000000-0000-0000-0000-000000000001", None),
])
def test_names_of_guids(guid: str, name: str | None) -> None:
    assert types.gpt_type_name(guid) == name


@pytest.mark.parametrize(("byte", "name"), [(0x83, "Linux filesystem"), (0x05, "extended"), (0xEE, "GPT protective"),
                                            (0xEF, "EFI system"), (0x8E, "Linux LVM"), (0x00, None), (0xCD, None)])
def test_names_of_bytes(byte: int, name: str | None) -> None:
    assert types.mbr_type_name(byte) == name


@pytest.mark.parametrize(("type_id", "extended"), [("0x05", True), ("0x0f", True), ("0x85", True), ("0x83", False),
                                                   (None, False)])
def test_extended_types(type_id: str | None, extended: bool) -> None:
    assert types.is_extended(type_id) is extended


@needs("sfdisk")
def test_sfdisk_knows_no_type_that_is_missing_here() -> None:
    listed = subprocess.run(["sfdisk", "--label", "gpt", "-T"], check=True, capture_output=True, text=True).stdout
    guids = re.findall(r"^([0-9A-Fa-f-]{36})\s", listed, re.MULTILINE)
    assert len(guids) > 100
    # util-linux adds types from time to time: a few that are new to us are no failure.
    assert len([guid for guid in guids if types.gpt_type_name(guid.upper()) is None]) < len(guids) // 10
