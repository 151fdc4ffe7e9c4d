"""btrfs that the tests crafted: open it, and see what is objected to."""

from __future__ import annotations

import pytest
from images.btrfs_writer import Subvolume, Writer

from imgbuild.filesystems import open_filesystem
from imgbuild.readers import BrokenImage, Memory


def opened(image):
    """Open the bytes of a file system."""
    return open_filesystem(Memory(image), "btrfs")


def of_one(tree, **fields):
    """Open one whose top level holds the tree, and whose superblock says what ``fields`` do."""
    writer = Writer(16)
    writer.fields = fields
    return opened(writer.image([Subvolume("", tree)]))


def problem_of(work):
    """Return the problem that the work ends with."""
    with pytest.raises(BrokenImage) as raised:
        work()
    return raised.value.problem
