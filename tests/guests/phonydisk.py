"""Partitions and volumes whose file systems are phony: ``part(1, {"/etc/os-release": "…"}, uuid="…")``."""

from __future__ import annotations

from phony import PhonyFileSystem, PhonySubvolumes

from imgbuild.filesystems import Identity
from imgbuild.guests.blocks import Block
from imgbuild.model import Partition, Volume
from imgbuild.readers import Memory, broken

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"


def identity(kind, uuid=None, label=None, *, readable=True):
    return Identity(kind=kind, uuid=uuid, label=label, size=1 << 20, clean=True, readable=readable)


def opener(tree, kind, damaged):
    def open_phony(_reader, _kind):
        if tree is None:
            raise broken("filesystem-damaged", "the superblock is damaged")
        return PhonyFileSystem(tree, kind=kind, damaged=damaged)
    return open_phony


def part(index, tree, kind="ext4", *, uuid=None, label=None, readable=True, damaged=(), **about):
    """A partition; ``tree`` is what its file system holds, ``None`` for one that cannot be opened."""
    attributes = about.pop("attributes", 0)
    partition = Partition(**{"index": index, "start": index << 20, "size": 1 << 20, "type": "Linux filesystem"} | about)
    known = identity(kind, uuid, label, readable=readable) if kind else None
    return Block(reader=Memory(bytes(512)), identity=known, partition=partition, opener=opener(tree, kind, damaged),
                 attributes=attributes)


def volume(name, tree, kind="ext4", *, uuid=None, label=None):
    """A logical volume."""
    about = Volume(kind="lvm", name=name, size=1 << 20)
    known = identity(kind, uuid, label)
    return Block(reader=Memory(bytes(512)), identity=known, volume=about, opener=opener(tree, kind, ()))


def subvolumed(index, trees, *, uuid=None, **about):
    """A partition whose file system has subvolumes; ``trees`` and ``about`` as PhonySubvolumes has them."""
    found = part(index, {}, "btrfs", uuid=uuid)
    found.opener = lambda _reader, _kind: PhonySubvolumes(trees, **about)
    return found
