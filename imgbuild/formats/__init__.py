"""The table of formats: adding one is a module (or a folder) here and one line below.

Every format is asked about every file (``detection.py``); ``raw`` never says yes, being what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats import (
    iso,
    luks,
    parallels,
    qcow1,
    qcow2,
    qed,
    raw,
    signatures,
    tar,
    vdi,
    vhd,
    vhdx,
    vmdk,
    zvhd,
    zvhd2,
)

if TYPE_CHECKING:
    from imgbuild.formats.base import Format

FORMATS: tuple[Format, ...] = (
    raw.FORMAT,
    qcow2.FORMAT,
    vhd.FORMAT,
    zvhd.FORMAT,
    zvhd2.FORMAT,
    vmdk.FORMAT,
    vhdx.FORMAT,
    vdi.FORMAT,
    iso.FORMAT,
    qcow1.FORMAT,
    qed.FORMAT,
    parallels.FORMAT,
    luks.FORMAT,
    *tar.FORMATS,
    *signatures.FORMATS,
)

COMPRESSED = ("gzip", "xz", "zstd", "bzip2")
ARCHIVES = ("tar", "ova")
HOLDERS = (*COMPRESSED, *ARCHIVES)
"""Formats that hold an image which is looked into (``imgbuild/inside``)."""


def find(name: str) -> Format:
    """Return the format of that name; KeyError when the table has none."""
    return _BY_NAME[name]


_BY_NAME = {row.name: row for row in FORMATS}
