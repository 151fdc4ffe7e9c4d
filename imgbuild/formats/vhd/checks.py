"""Which footer of a VHD counts, and what is wrong with it: both ends of a file in, one footer and problems out.

"Virtual Hard Disk Image Format Specification", Microsoft, October 11, 2006, sections "Hard Disk Footer Format" and
"Dynamic Disk Header Format". https://www.microsoft.com/en-us/download/details.aspx?id=23850
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgbuild.formats.vhd import FOOTER_COOKIE, FOOTER_SIZE, OLD_FOOTER_SIZE
from imgbuild.formats.vhd.fields import SECTOR, checksum, checksum_text, version_text
from imgbuild.formats.vhd.footer import (
    DYNAMIC_CHECKSUM_AT,
    DYNAMIC_COOKIE,
    FIXED,
    FOOTER_FIELDS,
    VERSION_1,
    DynamicHeader,
    Footer,
    parse_footer,
)
from imgbuild.readers import BrokenImage, Reader, broken, problem
from imgbuild.sizes import GIB, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgbuild.model import Problem

MAX_SIZE = 2040 * GIB
"""The largest disk that Virtual PC, Hyper-V and qemu accept, in bytes."""


class Choice(NamedTuple):
    """The footer that counts; ``data_end`` is the byte where the data of the file end."""

    footer: Footer
    data_end: int
    problems: tuple[Problem, ...]


def choose_footer(reader: Reader) -> Choice:
    """Return the footer at the end of the file, or its copy at the start where the former is missing or damaged.

    Raises:
        BrokenImage: There is neither (``footer-missing``), or the file is shorter than a footer (``truncated``).
    """
    last, copy = _find_last(reader), _find_copy(reader)
    if last is not None:
        return _trust_end(last, copy)
    if copy is None:
        raise broken("footer-missing", "neither the end nor the start of the file is a VHD footer")
    message = "the file does not end with a footer, though it begins with the copy of one: it was cut off, or padded"
    missing = problem("footer-missing", message, field="cookie", offset=reader.size - FOOTER_SIZE,
                      raw=reader.read_at(reader.size - FOOTER_SIZE, len(FOOTER_COOKIE)))
    return Choice(copy, reader.size, (missing, *_check_sum(copy, "copy of the footer")))


def _find_last(reader: Reader) -> Footer | None:
    for length in (FOOTER_SIZE, OLD_FOOTER_SIZE):
        at = reader.size - length
        if at >= 0 and reader.read_at(at, len(FOOTER_COOKIE)) == FOOTER_COOKIE:
            return parse_footer(reader.read_at(at, length), at)
    return None


def _find_copy(reader: Reader) -> Footer | None:
    raw = reader.read_at(0, FOOTER_SIZE) if reader.size != OLD_FOOTER_SIZE else b""
    return parse_footer(raw, 0) if raw.startswith(FOOTER_COOKIE) else None


def _trust_end(last: Footer, copy: Footer | None) -> Choice:
    problems = list(_check_sum(last, "footer"))
    if copy is None or copy.at == last.at:
        problems += _miss_copy(last)
        return Choice(last, last.at, tuple(problems))
    if last.disk_type == FIXED and last.intact:
        message = "a fixed disk that begins with a footer as dynamic ones do: what is read there depends on the reader"
        problems.append(copy.complain("footer-copy-differs", message, "disk_type"))
        return Choice(last, last.at, tuple(problems))
    problems += _compare(last, copy)
    return Choice(copy if copy.intact and not last.intact else last, last.at, tuple(problems))


def _miss_copy(last: Footer) -> Iterator[Problem]:
    if last.disk_type != FIXED:
        message = "the disk is not fixed, but the file does not begin with a copy of the footer"
        yield last.complain("footer-copy-differs", message, "disk_type")


def _compare(last: Footer, copy: Footer) -> Iterator[Problem]:
    size = len(last.raw)
    if last.raw == copy.raw[:size]:
        return
    yield from _check_sum(copy, "copy of the footer")
    if last.intact == copy.intact:
        name = next((name for name, (start, length) in FOOTER_FIELDS.items()
                     if last.raw[start : start + length] != copy.raw[start : start + length]), None)
        message = f"the footer and its copy at the start of the file differ in {name or 'their reserved bytes'}"
        yield last.complain("footer-copy-differs", message, name or "checksum")


def _check_sum(footer: Footer, what: str) -> Iterator[Problem]:
    if not footer.intact:
        right = checksum_text(checksum(footer.raw))
        message = f"the checksum of the {what} is {checksum_text(footer.checksum)}, but its bytes give {right}"
        yield footer.complain("checksum-mismatch", message, "checksum")


def check_footer(footer: Footer) -> Iterator[Problem]:
    """Yield what is wrong with the fields of the footer that counts."""
    if footer.file_format_version >> 16 != VERSION_1:
        message = f"the file format version is {version_text(footer.file_format_version)}, but only 1.x is known"
        yield footer.complain("vhd-version", message, "file_format_version")
    size = footer.current_size
    if not 0 < size <= MAX_SIZE or size % SECTOR:
        message = f"the current size is {size} bytes, but a VHD has whole sectors of 512 bytes and at most"
        yield footer.complain("vhd-size", f"{message} {human_size(MAX_SIZE)}", "current_size")
    if footer.chs_size not in {None, size}:
        message = f"the current size is {size} bytes, the geometry gives {footer.chs_size}"
        yield footer.complain("vhd-size-differs-from-chs", message, "disk_geometry")
    if footer.saved_state:
        message = "the virtual machine was in a saved state when it last wrote this disk"
        yield footer.complain("vhd-saved-state", message, "saved_state")


def check_dynamic(header: DynamicHeader) -> Iterator[Problem]:
    """Yield what is wrong with a dynamic disk header that can still be followed.

    Raises:
        BrokenImage: There is no such header (``vhd-dynamic-header``), or its version is unknown (``vhd-version``).
    """
    if header.cookie != DYNAMIC_COOKIE:
        message = f"the dynamic disk header begins with {header.cookie!r}, but it must begin with {DYNAMIC_COOKIE!r}"
        raise BrokenImage(header.complain("vhd-dynamic-header", message, "cookie"))
    if header.header_version >> 16 != VERSION_1:
        version = version_text(header.header_version)
        message = f"the version of the dynamic disk header is {version}, but only 1.x is known"
        raise BrokenImage(header.complain("vhd-version", message, "header_version"))
    if not header.intact:
        found, right = checksum_text(header.checksum), checksum_text(checksum(header.raw, DYNAMIC_CHECKSUM_AT))
        message = f"the checksum of the dynamic disk header is {found}, but its bytes give {right}"
        yield header.complain("checksum-mismatch", message, "checksum")
