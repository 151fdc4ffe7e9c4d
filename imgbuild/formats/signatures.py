"""Files that are named for what they are and not opened: compressed files, archives, formats no cloud takes.

The ends of a file come in, a name goes out; each row carries the problem that its :class:`Container` reports.
The magic numbers are those of the formats' own documents, named beside each row; where none is public, of file(1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.formats.base import Container, Format, Probe
from imgbuild.readers import problem, read_clipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgbuild.readers import Reader


_SKIPPABLE = 0x184D2A50
_SKIPPABLE_FRAMES = 8


def starts(*magics: bytes) -> Callable[[Probe], bool]:
    """Return a test for files that begin with one of ``magics``."""
    return lambda probe: probe.head.startswith(magics)


def _bzip2(probe: Probe) -> bool:
    """Look for the magic of the first block, or of the stream's end: ``BZh`` alone begins ordinary text too."""
    return (probe.at(0, 3) == b"BZh" and probe.at(3, 1) in b"123456789"
            and probe.at(4, 6) in (b"1AY&SY", b"\x17rE8P\x90"))


def _lzma(probe: Probe) -> bool:
    """Recognise the headerless .lzma by its usual properties, a power of two as dictionary and an unknown size."""
    dictionary = int.from_bytes(probe.at(1, 4), "little")
    return (probe.at(0, 1) == b"\x5d" and dictionary >= 1 << 12 and dictionary & (dictionary - 1) == 0
            and probe.at(5, 8) == b"\xff" * 8)


def _framed(*magics: bytes) -> Callable[[Probe], bool]:
    """Return a test for zstd and lz4; they share frames that readers skip, and pzstd begins with one."""
    def matches(probe: Probe) -> bool:
        offset = 0
        for _ in range(_SKIPPABLE_FRAMES):
            if int.from_bytes(probe.at(offset, 4), "little") & ~0xF != _SKIPPABLE:
                break
            offset += 8 + int.from_bytes(probe.at(offset + 4, 4), "little")
        return probe.at(offset, 4) in magics
    return matches


def _dmg(probe: Probe) -> bool:
    trailer = probe.from_end(512, 12)
    return trailer == b"koly" + (4).to_bytes(4, "big") + (512).to_bytes(4, "big")


def _compressed(name: str, title: str, extensions: tuple[str, ...], matches: Callable[[Probe], bool],
                command: str) -> Format:
    return named(name, title, extensions, matches, "compressed",
                 f"the file is compressed with {title}; '{command}' gives the image that is to be checked")


def _archive(name: str, title: str, extensions: tuple[str, ...], matches: Callable[[Probe], bool]) -> Format:
    return named(name, title, extensions, matches, "archive",
                 f"the file is a {title} archive, not a disk image; the image must be taken out of it")


def _wim(row: Format) -> Format:
    """Return the row of WIM, which also says what part of a split archive a file is (``guests/media/wim.py``)."""
    def open_wim(reader: Reader) -> Container:
        number, total = (int.from_bytes(read_clipped(reader, at, 2), "little") for at in (40, 42))
        message = (f"the file is part {number} of {total} of a split Windows imaging (WIM) archive;"
                   " 'wimlib-imagex join WHOLE.wim FIRST.swm OTHERS.swm' joins them")
        found = problem("archive", message, field="signature", offset=0, raw=read_clipped(reader, 0, 8))
        assert row.open is not None  # noqa: S101 - a named format opens
        return row.open(reader) if total <= 1 else Container(row.name, None, problems=[found], readable=False)
    return msgspec.structs.replace(row, open=open_wim)


def _foreign(name: str, title: str, extensions: tuple[str, ...], matches: Callable[[Probe], bool],
             cure: str, *, place: tuple[int, int] = (0, 8)) -> Format:
    return named(name, title, extensions, matches, "foreign-format",
                 f"the file is {title}, which no import path takes; {cure}", place=place)


def named(name: str, title: str, extensions: tuple[str, ...], matches: Callable[[Probe], bool], code: str,
          message: str, *, place: tuple[int, int] = (0, 8)) -> Format:
    """Return the row of a format whose container has no disk and reports the problem ``code``.

    ``place`` are offset (from the end, where it is negative) and length of the signature, in bytes.
    """
    def open_named(reader: Reader) -> Container:
        offset = place[0] % max(1, reader.size)
        found = problem(code, message, field="signature", offset=offset, raw=read_clipped(reader, offset, place[1]))
        return Container(name, None, problems=[found], readable=False)
    return Format(name, title, extensions, matches, open_named)


FORMATS: tuple[Format, ...] = (
    # RFC 1952 (gzip), the .xz file format 1.2.1, RFC 8878 (zstd), the LZ4 frame format 1.6.4
    _compressed("gzip", "gzip", ("gz", "tgz"), starts(b"\x1f\x8b\x08"), "gunzip -k FILE"),
    _compressed("xz", "xz", ("xz", "txz"), starts(b"\xfd7zXZ\0"), "xz -dk FILE"),
    _compressed("zstd", "zstd", ("zst", "zstd", "tzst"), _framed(b"\x28\xb5\x2f\xfd"), "zstd -d FILE"),
    _compressed("bzip2", "bzip2", ("bz2", "tbz", "tbz2"), _bzip2, "bzip2 -dk FILE"),
    _compressed("lz4", "lz4", ("lz4",), _framed(b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"), "lz4 -d FILE"),
    _compressed("lzma", "lzma", ("lzma",), _lzma, "xz --format=lzma -d FILE"),
    _compressed("lzip", "lzip", ("lz",), starts(b"LZIP\x01"), "lzip -d FILE"),
    _compressed("lzop", "lzop", ("lzo",), starts(b"\x89LZO\0\r\n\x1a\n"), "lzop -d FILE"),
    _compressed("compress", "compress", ("z",), starts(b"\x1f\x9d"), "uncompress FILE"),
    # PKWARE APPNOTE.TXT 6.3.10 sections 4.3.7 and 4.3.16; 7zFormat.txt; RAR 5.0 archive format; cpio(5)
    _archive("zip", "zip", ("zip",), starts(b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")),
    _archive("7z", "7-Zip", ("7z",), starts(b"7z\xbc\xaf\x27\x1c")),
    _archive("rar", "RAR", ("rar",), starts(b"Rar!\x1a\x07")),
    _archive("cpio", "cpio", ("cpio",), starts(b"070701", b"070702", b"070707")),
    _archive("ar", "ar", ("deb",), starts(b"!<arch>\n")),
    _archive("rpm", "RPM", ("rpm",), starts(b"\xed\xab\xee\xdb")),
    _archive("cab", "cabinet", ("cab",), starts(b"MSCF\0\0\0\0")),
    _wim(_archive("wim", "Windows imaging (WIM)", ("wim", "esd", "swm"),
                  starts(b"MSWIM\0\0\0", b"WLPWM\0\0\0"))),
    _archive("vma", "Proxmox backup (VMA)", ("vma",), starts(b"VMA\0")),
    # block/bochs.c, block/cloop.c and block/dmg.c of qemu; libewf; AFFLIB; libsparse of Android; libmodi for Apple's
    _foreign("bochs", "a Bochs disk", (), starts(b"Bochs Virtual HD Image\0"),
             "'qemu-img convert -f bochs -O qcow2 FILE OUT' converts it"),
    _foreign("cloop", "a compressed loop image", ("cloop",), starts(b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
             "'qemu-img convert -f cloop -O qcow2 FILE OUT' converts it"),
    _foreign("dmg", "an Apple disk image", ("dmg",), _dmg, "'qemu-img convert -f dmg -O qcow2 FILE OUT' converts it",
             place=(-512, 4)),
    _foreign("sparseimage", "an Apple sparse image", ("sparseimage",), starts(b"sprs\0\0\0\x03"),
             "'hdiutil convert' makes another image of it"),
    _foreign("asif", "an Apple sparse image (ASIF)", ("asif",), starts(b"shdw\0\0\0\x01"),
             "'diskutil image' makes another image of it"),
    _foreign("ewf", "an EWF evidence file", ("e01", "ex01"), starts(b"EVF\x09\r\n\xff\0", b"EVF2\r\n\x81\0"),
             "'ewfexport -f raw FILE' gives the disk"),
    _foreign("aff", "an AFF evidence file", ("aff",), starts(b"AFF10\r\n\0"), "'affconvert -r FILE' gives the disk"),
    _foreign("simg", "an Android sparse image", ("simg",), starts(b"\x3a\xff\x26\xed"),
             "'simg2img FILE OUT.raw' gives the disk"),
    _foreign("partclone", "a Partclone image", (), starts(b"partclone-image\0"),
             "'partclone.restore' gives the file system"),
)
