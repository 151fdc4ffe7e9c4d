"""Which kind of image a file makes, and what is not known."""

import pytest

from imgbuild.documents.inspection import Inspection
from imgbuild.kinds import kind_of
from imgbuild.model import Firmware, OperatingSystem, Partition, Problem

EXT4 = Partition(index=0, start=0, size=1, filesystem="ext4")
UNKNOWN = Partition(index=1, start=0, size=1, filesystem=None)
SYSTEM = OperatingSystem(type="Linux", id="debian", version="12", release=None, name=None, architecture=None, bits=64)


@pytest.mark.parametrize(("kind", "facts"), [
    ("iso", {"format": "iso", "os": SYSTEM}),
    ("system", {"os": SYSTEM}),
    ("system", {"firmware": Firmware(bios=True)}),
    ("system", {"firmware": Firmware(uefi=True)}),
    ("data", {"partitions": (EXT4,)}),
    ("data", {"partitions": (EXT4,), "firmware": Firmware(bios=False, uefi=False)}),
    (None, {"partitions": (EXT4, UNKNOWN)}),
    (None, {"partitions": (EXT4,), "problems": (Problem(code="filesystem-unreadable", message="btrfs"),)}),
    (None, {}),
])
def test_the_kind_of_an_image(kind, facts):
    assert kind_of(Inspection(**({"path": "disk.raw", "size": 4096, "format": "raw"} | facts))) == kind
