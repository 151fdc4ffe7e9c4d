"""The file type identifier and the two headers of a VHDX: an open file in, the header in force and problems out.

The headers are written in turns, so that one of them is whole whatever happens; the whole one with the higher sequence
number counts. [MS-VHDX] sections 2.2.1 "File Type Identifier" and 2.2.2 "Headers",
https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-vhdx/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from imgbuild.crc32c import checksum
from imgbuild.formats.vhdx.fields import ALIGNMENT, NO_GUID, guid_text, text
from imgbuild.readers import BrokenImage, problem
from imgbuild.sizes import KIB

if TYPE_CHECKING:
    from imgbuild.model import Problem
    from imgbuild.readers import Reader

# File type identifier, at 0
#
#  off   hex  size  field
#    0  0x00     8  Signature, always b"vhdxfile"
#    8  0x08   512  Creator, UTF-16: what made the file, for people
_CREATOR = (8, 512)

# Header, 4 KiB, at 64 KiB and at 128 KiB
#
#  off   hex  size  field
#    0  0x00     4  Signature, always b"head"
#    4  0x04     4  Checksum: CRC-32C of the 4 KiB
#    8  0x08     8  SequenceNumber
#   16  0x10    16  FileWriteGuid
#   32  0x20    16  DataWriteGuid
#   48  0x30    16  LogGuid: not zero while there is a log to be replayed
#   64  0x40     2  LogVersion: 0
#   66  0x42     2  Version: 1
#   68  0x44     4  LogLength
#   72  0x48     8  LogOffset
#   80  0x50  4016  Reserved
HEADERS_AT = (64 * KIB, 128 * KIB)
HEADER_BYTES = 4 * KIB
_HEADER = struct.Struct("<4sIQ16s16s16sHHIQ")
_SIGNATURE = b"head"
_CHECKSUM_AT = 4
_FIELDS = {"Signature": (0, 4), "Checksum": (4, 4), "SequenceNumber": (8, 8), "LogGuid": (48, 16),
           "LogVersion": (64, 2), "Version": (66, 2), "LogLength": (68, 4), "LogOffset": (72, 8)}


class Header(NamedTuple):
    """A header as it stands in the file at byte ``at``; lengths and offsets in bytes."""

    at: int
    raw: bytes
    signature: bytes
    checksum: int
    sequence_number: int
    file_write_guid: bytes
    data_write_guid: bytes
    log_guid: bytes
    log_version: int
    version: int
    log_length: int
    log_offset: int

    @property
    def intact(self) -> bool:
        """Whether it is a header and its checksum is right."""
        return self.signature == _SIGNATURE and checksum(self.raw, _CHECKSUM_AT) == self.checksum

    @property
    def has_log(self) -> bool:
        """Whether the log has to be replayed before the file is read."""
        return self.log_guid != NO_GUID and self.log_length > 0

    def complain(self, code: str, message: str, field: str) -> Problem:
        """Return a problem with ``field`` as its evidence."""
        start, length = _FIELDS[field]
        return problem(code, message, field=field, offset=self.at + start, raw=self.raw[start : start + length])

    def facts(self) -> dict[str, Any]:
        """Return the fields as they are shown."""
        return {"version": self.version, "sequence_number": self.sequence_number,
                "file_write_guid": guid_text(self.file_write_guid), "data_write_guid": guid_text(self.data_write_guid),
                "log_guid": None if self.log_guid == NO_GUID else guid_text(self.log_guid),
                "log_version": self.log_version, "log_length": self.log_length, "log_offset": self.log_offset}


def read_creator(reader: Reader) -> str:
    """Return what made the file, in its own words; spaces at the end (QEMU fills with them) are left out."""
    return text(reader.read_at(*_CREATOR)).rstrip()


def choose_header(reader: Reader) -> tuple[Header, list[Problem]]:
    """Return the header in force, and what is wrong with the other one.

    Raises:
        BrokenImage: ``truncated`` where the file ends before the headers do, ``header-invalid`` where neither is
            whole, or which of them counts cannot be known.
    """
    copies = [_read_header(reader, at) for at in HEADERS_AT]
    whole = [copy for copy in copies if copy.intact]
    if not whole:
        message = "neither of the two headers is whole: a signature or a checksum is wrong in each"
        raise BrokenImage(copies[0].complain("header-invalid", message, "Checksum"))
    chosen = max(whole, key=lambda copy: copy.sequence_number)
    problems = [copy.complain("vhdx-copy-damaged", f"the header at byte {copy.at} is damaged; that at {chosen.at} is"
                              " used", "Checksum") for copy in copies if copy not in whole]
    _check_rivals(whole)
    return chosen, problems


def _read_header(reader: Reader, at: int) -> Header:
    raw = reader.read_at(at, HEADER_BYTES)
    return Header(at, raw, *_HEADER.unpack_from(raw))


def _check_rivals(whole: list[Header]) -> None:
    first, last = whole[0], whole[-1]
    if first.at != last.at and first.sequence_number == last.sequence_number and first.raw != last.raw:
        message = f"both headers have the sequence number {first.sequence_number}, but they differ; which one counts?"
        raise BrokenImage(last.complain("header-invalid", message, "SequenceNumber"))


def check_header(header: Header, file_size: int) -> None:
    """Check that the fields of a header can be followed.

    Raises:
        BrokenImage: ``header-invalid`` for versions that are not defined and a log that is no place for one,
            ``truncated`` for a log behind the end of the file.
    """
    if header.version != 1:
        message = f"the version is {header.version}, but only 1 is defined"
        raise BrokenImage(header.complain("header-invalid", message, "Version"))
    if header.log_version != 0:
        message = f"the version of the log is {header.log_version}, but only 0 is defined"
        raise BrokenImage(header.complain("header-invalid", message, "LogVersion"))
    if header.log_offset < ALIGNMENT or header.log_offset % ALIGNMENT:
        message = f"the log is at byte {header.log_offset}, but it must begin at a whole MiB behind the first"
        raise BrokenImage(header.complain("header-invalid", message, "LogOffset"))
    if header.log_length % ALIGNMENT:
        message = f"the log has {header.log_length} bytes, but it must have whole MiB"
        raise BrokenImage(header.complain("header-invalid", message, "LogLength"))
    end = header.log_offset + header.log_length
    if header.log_length and end > file_size:
        message = f"the log is at {header.log_offset} to {end}, but the file ends at {file_size}"
        raise BrokenImage(header.complain("truncated", message, "LogOffset"))
