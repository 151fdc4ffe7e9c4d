"""Readiness checks on /etc/fstab."""

from __future__ import annotations

import pytest
from phonyguest import view

from imgbuild.guests.readiness import examine
from imgbuild.guests.readiness.fstab import by_uuid

UUID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize("spec", [f"UUID={UUID}", "LABEL=root", "PARTUUID=deadbeef-01", "/dev/mapper/vg0-root"])
def test_names_that_stay(spec):
    assert by_uuid(view({"/etc/fstab": f"{spec} / ext4 defaults 0 1\n"})).status == "pass"


@pytest.mark.parametrize("spec", ["/dev/sda2", "/dev/vda2", "/dev/xvda2", "/dev/nvme0n1p2"])
def test_kernel_names(spec):
    answer = by_uuid(view({"/etc/fstab": f"# made by hand\n{spec} / ext4 defaults 0 1\n"}))
    assert answer.status == "fail"
    assert answer.detail == f"fstab names {spec} by its kernel name, which changes with the bus"
    assert [(at.path, at.line, at.text) for at in answer.places] == [
        ("/etc/fstab", 2, f"{spec} / ext4 defaults 0 1")]


def test_no_fstab():
    assert by_uuid(view({})).status == "not-applicable"


def test_what_is_damaged_is_unknown():
    facts = examine(view({"/etc/fstab": "/dev/sda1 / ext4\n"}, damaged_later=("/etc/fstab",)))
    assert {fact.check: fact.status for fact in facts}["lin_fstab_uuid"] == "unknown"
