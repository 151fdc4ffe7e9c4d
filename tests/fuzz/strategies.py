"""Strategies for headers: numbers that lie at edges, fields over a sound image, and texts by their grammar."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

import qcow2_images
import table_writer
import vdi_images
import vhd_writer
import vmdk_images
import zvhd_files
import zvhd_writer
from hypothesis import strategies as st
from images import discs
from table_writer import Gpt, Part

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
MOST_FIELDS = 4


def number(bits: int) -> st.SearchStrategy[int]:
    """Return numbers of so many bits: edges, powers of two and their neighbours, sometimes any."""
    most = (1 << bits) - 1
    edges = {0, 1, 2, 3, 511, 512, 513, 4096, 65535, most, most - 1, most >> 1, (most >> 1) + 1}
    powers = st.builds(lambda power, by: (1 << power) + by & most, st.integers(0, bits - 1), st.integers(-1, 1))
    return st.sampled_from(sorted(edge & most for edge in edges)) | powers | st.integers(0, most)


def of_form(form: str) -> st.SearchStrategy[int | bytes]:
    """Return values that ``struct`` packs by this form of a single field."""
    size = struct.calcsize(form)
    if form.endswith("s"):
        return st.binary(min_size=size, max_size=size) | st.just(bytes(size)) | st.just(b"\xff" * size)
    return number(8 * size)


def fields(forms: dict[str, tuple[int, str]]) -> st.SearchStrategy[dict[str, int | bytes]]:
    """Return a few of these fields (offset and form by name) with values."""
    one = st.sampled_from(sorted(forms)).flatmap(lambda name: st.tuples(st.just(name), of_form(forms[name][1])))
    return st.lists(one, min_size=1, max_size=MOST_FIELDS).map(dict)


def _patched(images: list[bytes], patch: Callable[..., bytes],
             forms: dict[str, tuple[int, str]]) -> st.SearchStrategy[bytes]:
    # The magic stays: without it there is another test, that of detection.
    kept = {name: form for name, form in forms.items() if form[0] > 0 and name != "signature"}
    whole = st.builds(lambda image, changes: patch(image, **changes), st.sampled_from(images), fields(kept))
    return st.builds(lambda image, cut: image[: len(image) - cut], whole, st.just(0) | st.integers(0, 2048))


def qcow2() -> st.SearchStrategy[bytes]:
    """Return qcow2 images with a few fields of the header changed."""
    return _patched([qcow2_images.plain(2).ljust(4096, b"\0"), qcow2_images.plain(3)], qcow2_images.patch,
                    qcow2_images.FIELDS)


def vdi() -> st.SearchStrategy[bytes]:
    """Return VDI images with a few fields of the header changed."""
    return _patched([vdi_images.vdi()], vdi_images.patch, vdi_images.FIELDS)


def vmdk() -> st.SearchStrategy[bytes]:
    """Return sparse VMDK images with a few fields of the header changed."""
    images = [vmdk_images.plain().image(),
              vmdk_images.plain(compressed=True, footer=True, redundant=False).image()]
    return _patched(images, vmdk_images.patch, vmdk_images.FIELDS)


_FOOTER = {"features": (8, ">I"), "version": (12, ">I"), "data_offset": (16, ">Q"), "time": (24, ">I"),
           "creator": (28, "4s"), "original_size": (40, ">Q"), "current_size": (48, ">Q"), "cylinders": (56, ">H"),
           "heads": (58, "B"), "sectors": (59, "B"), "disk_type": (60, ">I"), "saved": (84, "B")}
_DYNAMIC = {"data_offset": (8, ">Q"), "table_offset": (16, ">Q"), "version": (24, ">I"), "entries": (28, ">I"),
            "block_size": (32, ">I"), "parent_name": (64, "512s"), "locator": (576, "24s")}
_ENTRIES = {"first": (1536, ">I"), "second": (1540, ">I")}


def _put(image: bytes, forms: dict[str, tuple[int, str]], changes: dict[str, int | bytes], at: int = 0) -> bytes:
    changed = bytearray(image)
    for name, value in changes.items():
        offset, form = forms[name]
        struct.pack_into(form, changed, at + offset, value)
    return bytes(changed)


def vhd() -> st.SearchStrategy[bytes]:
    """Return dynamic VHD images with changed footers, header and table, all with right checksums."""
    image = vhd_writer.dynamic(bytes(8192) + b"x" * 8192, 4096)

    def build(footer: dict, header: dict, entries: dict, *, both: bool) -> bytes:
        end = vhd_writer.seal(_put(image[:512], _FOOTER, footer))
        start = end if both else image[:512]
        dynamic = vhd_writer.seal(_put(image[512:1536], _DYNAMIC, header), 36)
        return start + dynamic + _put(image, _ENTRIES, entries)[1536:-512] + end

    some = (st.just({}) | fields(forms) for forms in (_FOOTER, _DYNAMIC, _ENTRIES))
    return st.builds(build, *some, both=st.booleans())


_ZVHD = {"version": (8, "<I"), "data_offset": (16, "<Q"), "size_a": (40, "<Q"), "size_b": (48, "<Q"),
         "geometry": (56, "<I"), "disk_type": (60, "<I"), "block_size": (88, "<I"), "blocks": (92, "<I"),
         "index_offset": (96, "<Q"), "bitmap_offset": (104, "<Q"), "index_size": (112, "<I"),
         "bitmap_size": (116, "<I"), "index_segment": (120, "<I"), "bitmap_segment": (124, "<I"),
         "index_segments": (128, "<I"), "bitmap_segments": (132, "<I"), "used": (136, "<I"), "zeros": (140, "B"),
         "method": (141, "B")}


def zvhd() -> st.SearchStrategy[bytes]:
    """Return small ZVHD and ZVHD2 files with changed headers, first, last or both, with right checksums."""
    disk = zvhd_files.holey(3, (0, 2), zvhd_writer.BLOCK)
    images = [zvhd_files.streamed(disk), zvhd_files.packed(disk)]

    def build(image: bytes, changes: dict, places: str) -> bytes:
        page, last = zvhd_writer.PAGE, len(image) - zvhd_writer.PAGE
        for at in {"first": [0], "last": [last], "both": [0, last]}[places]:
            sealed = zvhd_writer.seal(_put(image[at : at + page], _ZVHD, changes))
            image = image[:at] + sealed + image[at + page :]
        return image

    return st.builds(build, st.sampled_from(images), fields(_ZVHD), st.sampled_from(["first", "last", "both"]))


def mbr() -> st.SearchStrategy[table_writer.Disk]:
    """Return disks with a partition table of any records, extended ones in chains and circles among them."""
    lba = st.sampled_from([0, 1, 63, 64, 128, 256, 2048, 16384]) | number(32)
    record = st.builds(table_writer.record, st.sampled_from([0, 5, 0x0F, 0x83, 0x85, 0xEE, 0xEF]) | number(8), lba, lba,
                       st.sampled_from([0, 0x80, 1]))
    sector = st.lists(record, max_size=4).map(lambda records: table_writer.boot_sector(*records))

    def build(first: bytes, others: dict[int, bytes]) -> table_writer.Disk:
        disk = table_writer.Disk(16 * MIB).write(0, first)
        for place, other in others.items():
            disk.write(place * 512, other)
        return disk

    return st.builds(build, sector, st.dictionaries(st.sampled_from([64, 128, 192, 256, 2048]), sector, max_size=4))


def gpt() -> st.SearchStrategy[table_writer.Disk]:
    """Return disks with a GPT of any partitions and changed header fields, with right checksums."""
    lba = st.integers(0, 40000) | number(64)
    part = st.builds(Part, lba, lba, name=st.binary(max_size=72) | st.sampled_from(["root", "a\0b", "\u202e"]),
                     attributes=number(64), type=st.sampled_from([table_writer.LINUX, table_writer.ESP]))
    small, any_size = st.integers(0, 130), st.sampled_from([0, 1, 64, 127, 128, 129, 256, 512, 4096])
    header = st.fixed_dictionaries({}, optional={
        "count": number(32), "entry_size": number(32), "my_lba": number(64), "entry_lba": number(64),
        "header_size": st.integers(0, 600)})

    def build(parts: list[Part], count: int, size: int, changes: dict, usable: tuple[int, int]) -> table_writer.Disk:
        table = Gpt(parts, count=max(count, len(parts)), entry_size=max(size, 128), first_usable=usable[0],
                    last_usable=usable[1])
        return table.write(table_writer.Disk(16 * MIB), **changes)

    return st.builds(build, st.lists(part, max_size=4), small, any_size, st.just({}) | header,
                     st.just((2048, 30000)) | st.tuples(number(64), number(64)))


def iso() -> st.SearchStrategy[bytes]:
    """Return discs with changed volume descriptors and boot catalogs."""
    both = st.builds(lambda value, size: discs.both(value & (1 << 8 * size) - 1, size), number(32),
                     st.sampled_from([2, 4]))
    changes = st.dictionaries(st.sampled_from(["at_80", "at_120", "at_124", "at_128", "at_132", "at_140", "at_158",
                                               "at_166"]), both, max_size=3)
    primary = st.builds(lambda fields, label: discs.primary(label=label, **fields), changes, st.binary(max_size=32))
    joliet = st.binary(max_size=32).map(lambda label: discs.descriptor(2, at_40=label, at_88=discs.JOLIET))
    record = st.sampled_from([0, 20, 21, 31, 32]) | number(32)
    boot = record.map(discs.boot_record)
    entry = (number(32).map(discs.boot_entry) | st.builds(discs.section, number(8), number(16), last=st.booleans())
             | st.binary(min_size=32, max_size=32))
    catalog = st.lists(entry, max_size=70).map(lambda rows: (discs.validation() + b"".join(rows))[:2048])
    descriptor = st.one_of(primary, joliet, boot, st.just(discs.terminator()), number(8).map(discs.descriptor))
    return st.builds(lambda first, rest, rows: discs.disc(first, *rest, size=32, at={21: rows}), primary,
                     st.lists(descriptor, max_size=4), catalog)


def _lines(*pieces: str, most: int = 24) -> st.SearchStrategy[str]:
    """Return texts of lines that are made of these pieces and of odd characters."""
    odd = st.sampled_from(["\r", "\0", "\x1b[31m", "\u202e", "\ufeff", "é", "\\", '"', "'", "=", " ", "\t", "#",
                           "\udcff"])
    line = st.lists(st.sampled_from(pieces) | odd | st.text(max_size=4), max_size=10).map("".join)
    return st.lists(line, max_size=most).map("\n".join)


def descriptor() -> st.SearchStrategy[bytes]:
    """Return texts like the descriptor of a VMDK."""
    sizes = st.sampled_from([0, 1, 8, 2**63, 10**19 - 1, 10**30]) | number(64)
    extent = st.builds('{} {} {} "{}" {}'.format, st.sampled_from(["RW", "RDONLY", "NOACCESS", "rw", ""]), sizes,
                       st.sampled_from(["FLAT", "SPARSE", "ZERO", "VMFS", "vmfsRDM", "X" * 40]),
                       st.sampled_from(["disk-flat.vmdk", "/etc/passwd", "../x", "", "nbd:host", "a\0b"]), sizes)
    kinds = st.sampled_from(["monolithicFlat", "monolithicSparse", "twoGbMaxExtentFlat", "streamOptimized", ""])
    usual = st.builds(lambda rows, kind: vmdk_images.text(*rows, create_type=kind), st.lists(extent, max_size=4), kinds)
    free = _lines("# Disk DescriptorFile\n", "RW 8 ", 'FLAT "x" 0', "CID=", "parentCID=", "createType=",
                  "parentFileNameHint=", "ddb.", "version=1")
    return st.builds(lambda one, two: ("# Disk DescriptorFile\n" + one + two).encode("utf-8", "surrogateescape"),
                     usual | st.just(""), st.just("") | free)


os_release = partial(_lines, "ID=", "NAME=", "VERSION_ID=", "PRETTY_NAME=", '"', "'", "export ", "debian", "12", "$(x)",
                     "x" * 300)
fstab = partial(_lines, "UUID=", "LABEL=", "/dev/sda1", "/", "/boot", "/../..", "swap", "none", "ext4", "defaults,ro",
                "\\040", "\\777", " ", "\t", most=300)
lvm = partial(_lines, "vg0 {", "}", "[", "]", ", ", '"READ"', "extent_size = 8192", "seqno = ", "-1", "9" * 30, "id",
              " = ", "x { y { z {", most=60)
