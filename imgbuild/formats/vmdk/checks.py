"""What is wrong with a VMDK: headers and descriptors in, problems out. Nothing that a descriptor names is opened.

``references`` are all ways in which a disk needs another file, ``obstacles`` what else keeps the content from being
read, ``objections`` all the rest. Limits that only qemu has written down are its own (block/vmdk.c).

"VMware Virtual Disk Format 1.1", VMware, 2007; CVE-2022-47951 and CVE-2024-40767 on what a descriptor can do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.formats.blocks import MAX_DISK
from imgbuild.formats.tables import NUMBER_BYTES
from imgbuild.formats.vmdk.descriptor import NO_PARENT, SECTOR
from imgbuild.formats.vmdk.header import CHECK_BYTES, DEFLATE, Flags
from imgbuild.readers import problem, quoted
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.formats.vmdk.descriptor import Descriptor
    from imgbuild.formats.vmdk.header import Header
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

VERSIONS = range(1, 4)
MAX_TABLE_ENTRIES = 512
MAX_GRAIN = 0x200000
MAX_COMPRESSED_GRAIN = 4096
"""Sectors of a compressed grain: 2 MiB, as the largest cluster of qcow2; the usual one has 64 KiB."""
MIN_GRAIN = 8

_SELF_CONTAINED = ("monolithicsparse", "streamoptimized")
_SHOWN_NAMES = 4


def references(descriptor: Descriptor, *, embedded: bool) -> Iterator[Problem]:
    """Yield what makes the disk need another file than the one that the descriptor is in, or a key."""
    yield from parents(descriptor)
    yield from _locked(descriptor)
    if not embedded or not _names_itself(descriptor):
        yield _external(descriptor, embedded=embedded)


def parents(descriptor: Descriptor) -> Iterator[Problem]:
    """Yield a problem where the disk is a delta over another one."""
    pairs = descriptor.pairs
    cid = pairs.get("parentcid", NO_PARENT)
    if "parentfilenamehint" in pairs:
        what = f"is a delta over {quoted(pairs['parentfilenamehint'])}"
    elif descriptor.mentions_parent:
        what = "names a parent in a place where only some programs look for it"
    elif cid.lower() != NO_PARENT:
        what = f"is a delta over a disk with CID {quoted(cid)}"
    else:
        return
    key = next((key for key in ("parentfilenamehint", "parentcid") if key in pairs), "")
    yield descriptor.problem("backing-file", f"the disk {what}; it cannot stand alone", "parentFileNameHint", key)


def _locked(descriptor: Descriptor) -> Iterator[Problem]:
    """Yield a problem where VMware has encrypted the disk: the descriptor then has the keys, locked up."""
    found = next((key for key in descriptor.pairs if key.startswith("encryption.")), None)
    if found is not None:
        yield descriptor.problem("encrypted", f"the descriptor has {quoted(found)}: VMware has encrypted the disk; an"
                                              " image must be plain", quoted(found)[1:-1], found)


def _names_itself(descriptor: Descriptor) -> bool:
    """Say whether the one extent can be nothing but the file that the descriptor lies in, whatever it is called."""
    if len(descriptor.extents) != 1 or descriptor.create_type.lower() not in _SELF_CONTAINED:
        return False
    extent = descriptor.extents[0]
    return extent.type.upper() == "SPARSE" and not re.search(r"[/\\:]", extent.file)


def _external(descriptor: Descriptor, *, embedded: bool) -> Problem:
    names = ", ".join(quoted(extent.file) for extent in descriptor.extents[:_SHOWN_NAMES]) or "none"
    more = f" and {len(descriptor.extents) - _SHOWN_NAMES} more" if len(descriptor.extents) > _SHOWN_NAMES else ""
    place = "the embedded descriptor" if embedded else "the file is a descriptor that"
    return descriptor.problem("external-extent", f"{place} puts the disk into other files ({names}{more}; createType"
                              f" {quoted(descriptor.create_type)}); a monolithicSparse or streamOptimized VMDK has one"
                              " extent, itself", "extent description", "extent")


def descriptor_faults(descriptor: Descriptor, *, embedded: bool) -> Iterator[Problem]:
    """Yield a problem where the text can be read in two ways; qemu does not look for extents in an embedded one."""
    faults = descriptor.faults if embedded else descriptor.faults + descriptor.double
    if faults:
        yield problem("vmdk-descriptor-invalid", f"the descriptor can be read in two ways: {faults[0]}")


def size_obstacles(header: Header) -> Iterator[Problem]:
    """Yield a problem where the capacity is none that a disk can have."""
    size = header.capacity * SECTOR
    if not 0 < size < MAX_DISK:
        yield header.problem("header-invalid", "capacity", f"capacity gives a disk of {size} bytes; a disk has more"
                                                           " than 0 and less than 2**63")


def obstacles(file: Reader, header: Header) -> Iterator[Problem]:
    """Yield what keeps the grains from being found; the capacity has been looked at before."""
    yield from _fields(header)
    yield from _compression(header)
    if 0 < header.num_gtes_per_gt <= MAX_TABLE_ENTRIES and 0 < header.grain_size <= MAX_GRAIN:
        yield from _directory(file, header)
    if header.over_head * SECTOR > file.size:
        yield header.problem("truncated", "overHead", f"overHead puts the first grain at {header.over_head * SECTOR},"
                                                      f" but the file ends at {file.size}")


def _fields(header: Header) -> Iterator[Problem]:
    if header.version not in VERSIONS:
        yield header.problem("header-invalid", "version", f"the version is {header.version}; 1 to 3 are defined")
    if not 0 < header.num_gtes_per_gt <= MAX_TABLE_ENTRIES:
        yield header.problem("header-invalid", "numGTEsPerGT", f"numGTEsPerGT is {header.num_gtes_per_gt}; a grain"
                                                               f" table has 1 to {MAX_TABLE_ENTRIES} entries")
    most = MAX_COMPRESSED_GRAIN if header.compressed else MAX_GRAIN
    if not 0 < header.grain_size <= most:
        yield header.problem("header-invalid", "grainSize", f"grainSize is {header.grain_size} sectors; 1 to {most} can"
                                                            " be read, 128 are usual")


def _compression(header: Header) -> Iterator[Problem]:
    if header.compress_algorithm not in {0, DEFLATE}:
        yield header.problem("header-invalid", "compressAlgorithm", f"compressAlgorithm is {header.compress_algorithm};"
                                                                    " 0 (none) and 1 (deflate) are defined")
    elif header.compressed != bool(header.flags & Flags.COMPRESSED):
        state = "set" if header.flags & Flags.COMPRESSED else "not set"
        yield header.problem("header-invalid", "flags", f"compressAlgorithm is {header.compress_algorithm}, but bit 16"
                                                        f" of the flags (compressed grains) is {state}")


def _directory(file: Reader, header: Header) -> Iterator[Problem]:
    start, length = header.gd_offset * SECTOR, header.directory_entries * NUMBER_BYTES
    if length > file.size:
        yield header.problem("table-too-large", "capacity", f"the grain directory of a disk of"
                             f" {human_size(header.capacity * SECTOR)} has {length} bytes, the file {file.size}")
    elif start + length > file.size:
        yield header.problem("truncated", "gdOffset", f"the grain directory is at {start} to {start + length}, but the"
                                                      f" file ends at {file.size}")
    elif not start:
        yield header.problem("header-invalid", "gdOffset", "gdOffset is 0, where the header is; the grain directory"
                                                           " comes after it")


def objections(header: Header, descriptor: Descriptor) -> Iterator[Problem]:
    """Yield what does not keep the content from being read."""
    if header.unclean_shutdown:
        yield header.problem("needs-check", "uncleanShutdown", "uncleanShutdown is set: the disk was not closed, and"
                             " its tables may lag behind; VMware's products repair it when they open it")
    grain = header.grain_size
    if 0 < grain <= MAX_GRAIN and (grain < MIN_GRAIN or grain & (grain - 1)):
        yield header.problem("header-invalid", "grainSize", f"grainSize is {grain} sectors; a power of two"
                                                            f" of at least {MIN_GRAIN} is allowed")
    if header.flags & Flags.CHECK_BYTES and header.check_bytes not in {CHECK_BYTES, bytes(4)}:
        yield header.problem("header-invalid", "singleEndLineChar", f"the check bytes are {header.check_bytes.hex(' ')}"
                             f" and not {CHECK_BYTES.hex(' ')}: the file was copied as if it were text")
    sectors = descriptor.extents[0].sectors if descriptor.extents else header.capacity
    if sectors != header.capacity:
        yield header.problem("vmdk-sizes-differ", "capacity", f"the header has {header.capacity} sectors, the extent in"
                                                              f" the descriptor {sectors}")


def footer_problems(header: Header, footer: Header) -> Iterator[Problem]:
    """Yield a problem where the footer gives the grains another layout than the header."""
    both = ((header.capacity, footer.capacity, "capacity"), (header.grain_size, footer.grain_size, "grainSize"),
            (header.num_gtes_per_gt, footer.num_gtes_per_gt, "numGTEsPerGT"),
            (header.compress_algorithm, footer.compress_algorithm, "compressAlgorithm"),
            (header.flags, footer.flags, "flags"))
    for first, second, field in both:
        if first != second:
            yield footer.problem("vmdk-footer-differs", field, f"{field} is {first} in the header and {second} in the"
                                                               " footer; the footer is believed")
            return
