"""Tell text from disks: the ends of a file in, what kind of text it is out."""

from __future__ import annotations

import codecs

_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\b\v\x1b")
_PRINTABLE_SHARE = 0.75
_KINDS = (
    (("<!doctype html", "<html"), "an HTML page: the download may have failed"),
    (("version https://git-lfs.github.com/",), "a Git LFS pointer: 'git lfs pull' gets the file"),
    (("<?xml",), "XML"),
    (("#cloud-config",), "a cloud-init configuration"),
    (("#!",), "a script"),
    (("{", "["), "JSON perhaps"),
)


def describe_text(head: bytes, tail: bytes) -> str | None:
    """Return what kind of text the file is, ``None`` when either end is none."""
    text = _decode(head)
    if text is None or (_decode(tail) is None and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))):
        return None
    start = text.lstrip("\ufeff \t\r\n").lower()
    if "<envelope" in start[:4096]:
        return "an OVF descriptor: the disk lies beside it"
    return next((words for starts, words in _KINDS if start.startswith(starts)), "plain")


def _decode(data: bytes) -> str | None:
    """Return the text of an end of a file, which may begin or end inside a character; ``None`` for what is no text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data[: len(data) & ~1].decode("utf-16", "replace")
        return text if _is_clean(text) and "\ufffd" not in text else None
    if not data or not _CONTROLS.isdisjoint(data):
        return None
    printable = sum(map(data.count, range(32, 127))) + data.count(b"\n") + data.count(b"\r") + data.count(b"\t")
    if printable >= _PRINTABLE_SHARE * len(data):
        return data.decode("utf-8", "replace")
    return _as_utf8(data)


def _as_utf8(data: bytes) -> str | None:
    """Decode text of any script; up to three bytes at either end may belong to characters that were cut."""
    for start in range(min(4, len(data))):
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(data[start:])
        except UnicodeDecodeError:
            continue
        return text or None
    return None


def _is_clean(text: str) -> bool:
    return _CONTROLS.isdisjoint(map(ord, text[:4096]))
