"""Readiness checks on the version of the kernel, in pairs at each bound."""

from __future__ import annotations

import pytest
from phonyguest import view

from imgbuild.guests.readiness.kernel import multiqueue, version


@pytest.mark.parametrize(("check", "release", "status"), [
    (version, "2.6.18-8.el5", "fail"), (version, "2.6.24-1", "fail"), (version, "2.6.25-1", "pass"),
    (version, "6.1.0-18-amd64", "pass"), (version, "3.0-1", "pass"),
    (multiqueue, "2.6.34-1", "fail"), (multiqueue, "2.6.35-1", "pass"), (multiqueue, "5.14.0-427.el9.x86_64", "pass"),
])
def test_versions(check, release, status):
    answer = check(view({f"/boot/vmlinuz-{release}": "MZ"}))
    assert (answer.status, answer.files) == (status, (f"/boot/vmlinuz-{release}",))


@pytest.mark.parametrize("check", [version, multiqueue])
def test_no_kernel(check):
    assert check(view({})).detail == "no kernel was found whose version is known"


def test_messages():
    assert version(view({"/boot/vmlinuz-2.6.18-8.el5": "MZ"})).detail == "kernel 2.6.18-8.el5 is not later than 2.6.24"
    assert multiqueue(view({"/boot/vmlinuz-2.6.32-1": "MZ"})).detail == "kernel 2.6.32-1 is not 2.6.35 or later"
