"""Boot Loader Specification: the files under ``loader/`` in, entries and systemd-boot's choice out.

An entry is a text file of keys and values (type 1); GRUB with ``blscfg`` and systemd-boot read the same ones and differ
in their order and in how a default is named.

The Boot Loader Specification, https://uapi-group.org/specifications/specs/boot_loader_specification/
loader.conf(5), https://www.freedesktop.org/software/systemd/man/latest/loader.conf.html
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

import msgspec

from imgbuild.guests.bootentries import LONGEST, MOST_INITRDS, Entry, Menu, version_key

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 64 * 1024
"""Bytes read of one entry."""

_COUNTER = r"\+\d+(?:-\d+)?$"
_SUFFIX = ".conf"


class Type1(msgspec.Struct, frozen=True):
    """An entry, and the keys that systemd-boot sorts it by."""

    entry: Entry
    sort_key: str = ""
    machine_id: str = ""
    version: str = ""


def parse_entry(text: str, source: str) -> Type1:
    """Return the entry that a file under ``loader/entries`` makes; its id is the name of the file, without suffix."""
    keys: dict[str, list[str]] = {}
    line_of: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        key, _, value = line.strip().replace("\t", " ").partition(" ")
        if key and not key.startswith("#"):
            keys.setdefault(key, []).append(value.strip())
            line_of.setdefault(key, number)
    name = re.sub(_COUNTER, "", source.rpartition("/")[2].removesuffix(_SUFFIX))
    linux = _first(keys, "linux") or _first(keys, "uki") or None
    initrds = tuple(" ".join(keys.get("initrd", [])).split()[:MOST_INITRDS])
    options = " ".join(keys["options"])[:LONGEST] if "options" in keys else None
    entry = Entry(_first(keys, "title"), name, linux, initrds, options, _first(keys, "devicetree") or None, source,
                  line_of.get("options", line_of.get("linux", 0)))
    return Type1(entry, _first(keys, "sort-key"), _first(keys, "machine-id"), _first(keys, "version"))


def for_grub(found: Sequence[Type1]) -> tuple[Entry, ...]:
    """Return the entries as GRUB's ``blscfg`` lists them: by the names of their files, the newest first."""
    return tuple(sorted((one.entry for one in found), key=lambda entry: version_key(entry.id), reverse=True))


def for_systemd_boot(found: Sequence[Type1], loader_conf: str) -> Menu:
    """Return the menu of systemd-boot: its order, and the entry that ``default`` of loader.conf matches."""
    entries = tuple(one.entry for one in _by_systemd(found))
    lines = [line.split(None, 1) for line in loader_conf.split("\n")]
    patterns = [words[1].strip() for words in lines if len(words) > 1 and words[0] == "default"]
    pattern = patterns[-1] if patterns else ""
    if pattern.startswith("@"):  # the choice is kept in a variable of the firmware
        return Menu(entries, None)
    chosen = [entry for entry in entries if pattern and _matches(entry, pattern)]
    return Menu(entries, next(iter([*chosen, *entries]), None))


def _by_systemd(found: Sequence[Type1]) -> list[Type1]:
    """Sort as the specification says: with sort-key first, by it; then machine, newest version, newest file name."""
    newest = sorted(found, key=lambda one: (version_key(one.version), version_key(one.entry.id)), reverse=True)
    keyed = sorted((one for one in newest if one.sort_key), key=lambda one: (one.sort_key, one.machine_id))
    return keyed + sorted((one for one in newest if not one.sort_key), key=lambda one: version_key(one.entry.id),
                          reverse=True)


def _matches(entry: Entry, pattern: str) -> bool:
    """Say whether a default means this entry: its id with the suffix, in any case; of old, without the suffix."""
    names = {entry.id, entry.id if entry.source.endswith(".efi") else entry.id + _SUFFIX}
    return any(fnmatch.fnmatchcase(name.casefold(), pattern.casefold()[:256]) for name in names)


def _first(keys: dict[str, list[str]], key: str) -> str:
    return keys.get(key, [""])[0]
