"""When what is wrong in a guest is called repaired by the import: asked for, listed, and without an exception."""

from __future__ import annotations

import msgspec
import pytest

from imgbuild import rulebook
from imgbuild.checks import Case, Context
from imgbuild.checks.guest import is_repaired
from imgbuild.documents.inspection import Inspection

BOOK = rulebook.load()


def repaired(*, operation="action", asked=True, listed=True, guest=("rocky", "9", "9.4"), mounts=(("/", "xfs"),)):
    identity, version, release = guest
    system = dict.fromkeys(("type", "id", "version", "release", "name", "architecture", "bits")) | {
        "id": identity, "version": version, "release": release}
    parts = [{"index": number, "start": number << 20, "size": 1 << 20, "type": None, "mount": mount, "filesystem": kind}
             for number, (mount, kind) in enumerate(mounts, start=1)]
    image = msgspec.convert({"path": "a", "size": 1, "os": system, "partitions": parts}, Inspection)
    context = Context(operation=operation, body={"is_config": asked}, image=image, listed=listed)
    return is_repaired(Case(context=context, profile=BOOK.profile, catalogue=lambda: BOOK.catalogue, rule_id="guest-x"))


def test_asked_for_and_listed():
    assert repaired()


@pytest.mark.parametrize("less", [{"operation": "create-metadata"}, {"asked": False}, {"asked": "true"},
                                  {"listed": False}])
def test_one_condition_less(less):
    assert not repaired(**less)


@pytest.mark.parametrize(("guest", "mounts", "expected"), [
    (("rocky", "9", "9.4"), (("/", "xfs"), ("/usr", "xfs")), False),
    (("fedora", "28", None), (("/", "xfs"),), True), (("fedora", "29", None), (("/", "xfs"),), False),
    (("fedora", "30", None), (("/", "xfs"),), False), (("fedora", "31", None), (("/", "xfs"),), True),
    (("fedora", "30", None), (("/", "ext4"),), True),
    (("centos", "8", "8.0.1905"), (("/", "xfs"),), False), (("centos", "8", "8.1.1911"), (("/", "xfs"),), True),
    (("centos", "8", None), (("/", "xfs"),), False), (("centos", "8", "8.0.1905"), (("/", "ext4"),), True),
    (("sles", "12.4", "12-SP4"), (("/", "ext4"),), False), (("sles", "12.5", "12-SP5"), (("/", "ext4"),), True),
    (("sles", "12.4", "12-SP4"), (("/", "btrfs"),), True), (("fedora", "30", None), (), False),
])
def test_documented_exceptions(guest, mounts, expected):
    assert repaired(guest=guest, mounts=mounts) is expected
