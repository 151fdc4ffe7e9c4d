"""A container's header in a few words, taken from the header's own fields; what is not there is not mentioned.

Beside it, how an image boots, for the reports that share these words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.reports.page import counted, flat
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.documents.inspection import Inspection

_COMPRESSION = {0: "zlib", 1: "zstd"}

# The kind of disk in a container: the field that names it.
_KINDS = {"vhd": "disk_type", "vhdx": "disk_type", "vdi": "image_type"}
_NO_PARENT = "ffffffff"  # CID_NOPARENT of a VMDK descriptor


def boot_answers(image: Inspection) -> tuple[tuple[str, bool | None], ...]:
    """Return the ways to boot by their names; Secure Boot is one of UEFI, so without UEFI there is none to be seen."""
    firmware = image.firmware
    secure_boot = False if firmware.uefi is False else firmware.secure_boot
    return ("BIOS", firmware.bios), ("UEFI", firmware.uefi), ("Secure Boot", secure_boot)


def size_words(image: Inspection) -> str:
    """Return the sizes of disk and file: ``2 GiB disk in a file of 654 MiB``."""
    if not image.size and image.virtual_size:
        return f"{human_size(image.virtual_size)} disk"
    if image.virtual_size is None or image.virtual_size == image.size:
        return human_size(image.size)
    return f"{human_size(image.virtual_size)} disk in a file of {human_size(image.size)}"


def format_words(image: Inspection) -> str:
    """Return the format with its version or kind: ``qcow2 v3``, ``fixed vhd``."""
    header = image.container
    if image.format == "qcow2" and "version" in header:
        return f"qcow2 v{header['version']}"
    kind = header.get(_KINDS.get(image.format or "", ""))
    if isinstance(kind, str):
        return f"{kind} {image.format}"
    return image.format or "unknown format"


def content_words(image: Inspection) -> Iterator[tuple[str, str, str]]:
    """Give the digests of the whole disk, where it was read: name, digest, and what it is of."""
    content = image.content
    if content:
        yield "disk", content.sha256, f"sha256 of all {human_size(content.size)} of the disk, in any container"
        if content.data_end < content.size:
            yield "data", content.data_sha256, f"sha256 of its first {human_size(content.data_end)}, then it is zeros"


def container_words(image: Inspection) -> str:
    """Return what else the header says that people ask about, an empty string where there is nothing."""
    words = _WORDS.get(image.format or "")
    return flat(words(image.container)) if words and image.container else ""


def safety_words(image: Inspection) -> tuple[bool, str]:
    """Return whether the disk is all in the file and open to read, as far as the header says, and its answers in words.

    What there is comes before what there is not; the words are empty where the header says nothing.
    """
    ask = _ANSWERS.get(image.format or "")
    answers = sorted(ask(image.container) if ask and image.container else (), key=lambda answer: not answer[0])
    return not any(there for there, _, _ in answers), flat(yes if there else no for there, yes, no in answers)


def _qcow2(header: dict[str, Any]) -> Iterator[str]:
    if isinstance(header.get("cluster_bits"), int):
        yield f"clusters of {human_size(1 << min(header['cluster_bits'], 62))}"
    if header.get("compression_type") in _COMPRESSION:
        yield f"{_COMPRESSION[header['compression_type']]} where compressed"
    features = header.get("features")
    for kind, names in features.items() if isinstance(features, dict) else ():
        if names:
            yield f"{kind}: {flat(map(str, names), ' and ')}"


def _vhd(header: dict[str, Any]) -> Iterator[str]:
    if header.get("creator_application"):
        yield f"made by {header['creator_application']!r} {header.get('creator_version') or ''}".rstrip()
    if isinstance(header.get("chs_size"), int):
        yield f"geometry of {human_size(header['chs_size'])}"


def _vhdx(header: dict[str, Any]) -> Iterator[str]:
    if header.get("creator"):
        yield f"made by {header['creator']!r}"
    yield from _blocks(header)
    if isinstance(header.get("logical_sector_size"), int):
        yield f"sectors of {human_size(header['logical_sector_size'])}"


def _vmdk(header: dict[str, Any]) -> Iterator[str]:
    if header.get("createType"):
        yield str(header["createType"])
    if isinstance(header.get("grainSize"), int):
        yield f"grains of {human_size(header['grainSize'] * 512)}"
    if len(header.get("extents") or ()) > 1:
        yield counted(len(header["extents"]), "extent")


def _zvhd(header: dict[str, Any]) -> Iterator[str]:
    if header.get("compress_method"):
        yield str(header["compress_method"])
    yield from _blocks(header)
    if isinstance(header.get("non_zero_blk_num"), int):
        yield f"{counted(header['non_zero_blk_num'], 'block')} with data"


def _vdi(header: dict[str, Any]) -> Iterator[str]:
    yield from _blocks(header)
    if isinstance(header.get("blocks_allocated"), int):
        yield f"{counted(header['blocks_allocated'], 'block')} with data"


def _blocks(header: dict[str, Any]) -> Iterator[str]:
    if isinstance(header.get("block_size"), int):
        yield f"blocks of {human_size(header['block_size'])}"


def _iso(header: dict[str, Any]) -> Iterator[str]:
    if header.get("medium"):
        yield str(header["medium"])
    if header.get("volume_id"):
        yield f"volume {header['volume_id']!r}"
    extensions = (("rock_ridge", "Rock Ridge"), ("joliet", "Joliet"), ("udf", "UDF"), ("isohybrid", "isohybrid"))
    yield from (name for key, name in extensions if header.get(key))


# An answer of the header: whether there is such a thing, the words for it, and those for its absence.
_Answer = tuple[bool, str, str]


def _qcow2_answers(header: dict[str, Any]) -> Iterator[_Answer]:
    if "backing_file_offset" in header:
        yield bool(header["backing_file_offset"]), "a backing file", "no backing file"
    features = header.get("features")
    if isinstance(features, dict):
        yield "external data file" in features.get("incompatible", ()), "a data file", "no data file"
    if "nb_snapshots" in header:
        yield bool(header["nb_snapshots"]), counted(header["nb_snapshots"], "snapshot"), "no snapshots"
    if "crypt_method" in header:
        yield bool(header["crypt_method"]), "encrypted", "not encrypted"


def _vhdx_answers(header: dict[str, Any]) -> Iterator[_Answer]:
    yield from _parent(header.get("has_parent"))
    if isinstance(header.get("log_replay_needed"), bool):
        yield header["log_replay_needed"], "a log to be replayed", "no log to be replayed"


def _vmdk_answers(header: dict[str, Any]) -> Iterator[_Answer]:
    if "parentCID" in header:
        yield from _parent(header["parentCID"] != _NO_PARENT)
    if isinstance(header.get("uncleanShutdown"), bool):
        yield header["uncleanShutdown"], "not closed", "closed cleanly"


def _parent(there: bool | None) -> Iterator[_Answer]:  # noqa: FBT001 - the answer itself
    if there is not None:
        yield there, "a parent disk", "no parent disk"


_WORDS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "qcow2": _qcow2, "vhd": _vhd, "vhdx": _vhdx, "vmdk": _vmdk, "vdi": _vdi, "zvhd": _zvhd, "zvhd2": _zvhd, "iso": _iso,
}
_ANSWERS: dict[str, Callable[[dict[str, Any]], Iterator[_Answer]]] = {
    "qcow2": _qcow2_answers, "qcow": _qcow2_answers, "vhdx": _vhdx_answers, "vmdk": _vmdk_answers,
    "vhd": lambda header: _parent(header["disk_type"] == "differencing" if "disk_type" in header else None),
    "vdi": lambda header: _parent(header["uuid_parent"] is not None if "uuid_parent" in header else None),
}
