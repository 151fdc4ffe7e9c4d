"""WIM files with nothing in them but a header and the XML: what Setup's media say of themselves, and hostile ones."""

from __future__ import annotations

from typing import Any

TAG = b"MSWIM\0\0\0"
HEADER = 208
X86, ARM, IA64, X64, ARM64 = 0, 5, 6, 9, 12


def image(edition: str = "ServerStandard", build: int = 17763, *, arch: int = X64, kind: str = "Server", name: str = "",
          version: str = "10.0", **more: Any) -> str:
    """Return the XML of one image; ``more`` replaces or adds elements of ``WINDOWS``, ``None`` leaves one out."""
    major, minor = version.split(".")
    windows = {"ARCH": arch, "PRODUCTNAME": "Microsoft&#174; Windows&#174; Operating System", "EDITIONID": edition,
               "INSTALLATIONTYPE": kind, "PRODUCTTYPE": "ServerNT" if kind.startswith("Server") else "WinNT",
               "LANGUAGES": "<LANGUAGE>en-US</LANGUAGE><LANGUAGE>de-DE</LANGUAGE><DEFAULT>en-US</DEFAULT>",
               "VERSION": f"<MAJOR>{major}</MAJOR><MINOR>{minor}</MINOR><BUILD>{build}</BUILD><SPBUILD>107</SPBUILD>"
                          "<SPLEVEL>0</SPLEVEL>", "SYSTEMROOT": "WINDOWS"} | more
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in windows.items() if value is not None)
    return f'<IMAGE INDEX="1"><DIRCOUNT>1</DIRCOUNT><WINDOWS>{inner}</WINDOWS><NAME>{name or edition}</NAME></IMAGE>'


def xml(*images: str) -> bytes:
    """Return the XML of a file as it is stored: UTF-16 with a byte order mark."""
    return ("\ufeff<WIM><TOTALBYTES>1234</TOTALBYTES>" + "".join(images) + "</WIM>").encode("utf-16-le")


def header(xml_offset: int, xml_length: int, *, version: int = 0x10D00, flags: int = 2, original: int | None = None,
           images: int = 1) -> bytes:
    """Return a header whose XML is there."""
    raw = bytearray(HEADER)
    raw[:8] = TAG
    raw[8:12] = HEADER.to_bytes(4, "little")
    raw[12:16] = version.to_bytes(4, "little")
    raw[40:42] = raw[42:44] = (1).to_bytes(2, "little")
    raw[44:48] = images.to_bytes(4, "little")
    raw[72:80] = xml_length.to_bytes(7, "little") + bytes([flags])
    raw[80:88] = xml_offset.to_bytes(8, "little")
    raw[88:96] = (xml_length if original is None else original).to_bytes(8, "little")
    return bytes(raw)


def wim(*images: str, **options: int) -> bytes:
    """Return a file with these images."""
    text = xml(*images)
    return header(HEADER, len(text), images=len(images), **options) + text
