"""Phony Windows guests: ``guest(software, system, files)`` gives a tree with these hives in their place."""

from __future__ import annotations

from images.hives import hive
from phony import PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree

CONFIG = "/Windows/System32/config"
CURRENT_VERSION = "Microsoft\\Windows NT\\CurrentVersion"
SELECT = {"Select": {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1}}


def tree(software=None, system=None, files=None, **about):
    """A guest's tree; a hive is a mapping of keys, bytes as they are, or ``None`` where it is missing."""
    hives = {"SOFTWARE": software, "SYSTEM": system}
    placed = {f"{CONFIG}/{title}": keys if isinstance(keys, bytes) else hive(keys)
              for title, keys in hives.items() if keys is not None}
    return GuestTree(PhonyFileSystem({"/Windows/explorer.exe": b"MZ", **placed, **(files or {})}, kind="ntfs", **about))


def version(**values):
    """Keys of SOFTWARE with these values of CurrentVersion."""
    return {CURRENT_VERSION: values}


def control(**keys):
    """Keys of SYSTEM: the selected control set with these below it, ``__`` for the backslash."""
    return SELECT | {f"ControlSet001\\{path.replace('__', chr(92))}": values for path, values in keys.items()}


def machine(word):
    """Keys of SYSTEM with this PROCESSOR_ARCHITECTURE."""
    return control(**{"Control__Session Manager__Environment": {"PROCESSOR_ARCHITECTURE": word}})
