"""One raw disk in every container: what qemu-img writes, and ZVHD and ZVHD2 by our own writer.

``wrap(name, raw, folder)`` writes the container and returns its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from formats.zvhd_writer import Options, write_zvhd, write_zvhd2
from images.run import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """A container: the format that imgbuild must name, the file's ending, and qemu-img's words (``None``: ours)."""

    format: str
    ending: str
    words: tuple[str, ...] | None


VARIANTS: dict[str, Variant] = {
    "raw": Variant("raw", "raw", ("-O", "raw")),
    "qcow2-v2": Variant("qcow2", "qcow2", ("-O", "qcow2", "-o", "compat=0.10")),
    "qcow2": Variant("qcow2", "qcow2", ("-O", "qcow2")),
    "qcow2-zlib": Variant("qcow2", "qcow2", ("-O", "qcow2", "-c")),
    "qcow2-zstd": Variant("qcow2", "qcow2", ("-O", "qcow2", "-c", "-o", "compression_type=zstd")),
    "qcow2-subclusters": Variant("qcow2", "qcow2", ("-O", "qcow2", "-o", "extended_l2=on")),
    "qcow2-512": Variant("qcow2", "qcow2", ("-O", "qcow2", "-o", "cluster_size=512")),
    "qcow2-2m": Variant("qcow2", "qcow2", ("-O", "qcow2", "-o", "cluster_size=2M")),
    "vhd-dynamic": Variant("vhd", "vhd", ("-O", "vpc", "-o", "subformat=dynamic,force_size=on")),
    "vhd-fixed": Variant("vhd", "vhd", ("-O", "vpc", "-o", "subformat=fixed,force_size=on")),
    "vmdk-sparse": Variant("vmdk", "vmdk", ("-O", "vmdk", "-o", "subformat=monolithicSparse")),
    "vmdk-stream": Variant("vmdk", "vmdk", ("-O", "vmdk", "-o", "subformat=streamOptimized")),
    "vhdx-dynamic": Variant("vhdx", "vhdx", ("-O", "vhdx", "-o", "subformat=dynamic")),
    "vhdx-fixed": Variant("vhdx", "vhdx", ("-O", "vhdx", "-o", "subformat=fixed")),
    "vdi": Variant("vdi", "vdi", ("-O", "vdi")),
    "qcow": Variant("qcow", "qcow", ("-O", "qcow")),
    "qed": Variant("qed", "qed", ("-O", "qed")),
    "parallels": Variant("parallels", "hdd", ("-O", "parallels")),
    "vdi-static": Variant("vdi", "vdi", ("-O", "vdi", "-o", "static=on")),
    "zvhd": Variant("zvhd", "zvhd", None),
    "zvhd2-zlib": Variant("zvhd2", "zvhd2", None),
    "zvhd2-zstd": Variant("zvhd2", "zvhd2", None),
}
_WRITERS = {
    "zvhd": write_zvhd,
    "zvhd2-zlib": partial(write_zvhd2, options=Options(compress_method=0)),
    "zvhd2-zstd": partial(write_zvhd2, options=Options(compress_method=1)),
}
GIB = 1 << 30


def wrap(name: str, raw: Path, folder: Path) -> Path:
    """Write the disk ``raw`` in the container ``name`` into ``folder`` and return the file."""
    variant = VARIANTS[name]
    target = folder / f"{raw.stem}.{name}.{variant.ending}"
    if variant.words is None:
        with raw.open("rb") as disk, target.open("wb") as out:
            _WRITERS[name](disk, out)
    else:
        run("qemu-img", "convert", "-q", "-f", "raw", *variant.words, raw, target)
    return target


def virtual_size(name: str, size: int) -> int:
    """Return the virtual size that the container gives a disk of ``size`` bytes: ZVHD rounds up to whole GiB."""
    return -(-size // GIB) * GIB if VARIANTS[name].format.startswith("zvhd") else size


def overlay(base: Path, target: Path) -> Path:
    """Write an empty qcow2 on top of ``base``."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", target)
    return target


def with_data_file(raw: Path, target: Path) -> Path:
    """Write a qcow2 whose data is in a raw file beside it."""
    run(
        "qemu-img",
        "convert",
        "-q",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-o",
        f"data_file={target.with_suffix('.data')}",
        raw,
        target,
    )
    return target
