"""A container's header in a few words, taken from the header's own fields; what is not there is not mentioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgbuild.reports.page import counted, flat
from imgbuild.sizes import human_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgbuild.model import Inspection

_COMPRESSION = {0: "zlib", 1: "zstd"}


def format_words(image: Inspection) -> str:
    """Return the format with its version or kind: ``qcow2 v3``, ``fixed vhd``."""
    header = image.container
    if image.format == "qcow2" and "version" in header:
        return f"qcow2 v{header['version']}"
    if image.format == "vhd" and isinstance(header.get("disk_type"), str):
        return f"{header['disk_type']} vhd"
    if image.format == "vdi" and isinstance(header.get("image_type"), str):
        return f"{header['image_type']} vdi"
    return image.format or "unknown format"


def container_words(image: Inspection) -> str:
    """Return what else the header says that people ask about, an empty string where there is nothing."""
    words = _WORDS.get(image.format or "")
    return flat(words(image.container)) if words and image.container else ""


def _qcow2(header: dict[str, Any]) -> Iterator[str]:
    if isinstance(header.get("cluster_bits"), int):
        yield f"clusters of {human_size(1 << min(header['cluster_bits'], 62))}"
    if header.get("compression_type") in _COMPRESSION:
        yield f"{_COMPRESSION[header['compression_type']]} where compressed"
    if "backing_file_offset" in header:
        yield "a backing file" if header["backing_file_offset"] else "no backing file"
    if "nb_snapshots" in header:
        yield counted(header["nb_snapshots"], "snapshot") if header["nb_snapshots"] else "no snapshots"
    if "crypt_method" in header:
        yield "encrypted" if header["crypt_method"] else "not encrypted"
    yield from _features(header)


def _features(header: dict[str, Any]) -> Iterator[str]:
    features = header.get("features")
    for kind, names in features.items() if isinstance(features, dict) else ():
        if names:
            yield f"{kind}: {flat(map(str, names), ' and ')}"


def _vhd(header: dict[str, Any]) -> Iterator[str]:
    if header.get("creator_application"):
        yield f"made by {header['creator_application']!r} {header.get('creator_version') or ''}".rstrip()
    if isinstance(header.get("chs_size"), int):
        yield f"geometry of {human_size(header['chs_size'])}"


def _zvhd(header: dict[str, Any]) -> Iterator[str]:
    if header.get("compress_method"):
        yield str(header["compress_method"])
    if isinstance(header.get("block_size"), int):
        yield f"blocks of {human_size(header['block_size'])}"
    if isinstance(header.get("non_zero_blk_num"), int):
        yield f"{counted(header['non_zero_blk_num'], 'block')} with data"


def _vmdk(header: dict[str, Any]) -> Iterator[str]:
    if header.get("createType"):
        yield str(header["createType"])
    if isinstance(header.get("grainSize"), int):
        yield f"grains of {human_size(header['grainSize'] * 512)}"
    if len(header.get("extents") or ()) > 1:
        yield counted(len(header["extents"]), "extent")


def _vdi(header: dict[str, Any]) -> Iterator[str]:
    if isinstance(header.get("block_size"), int):
        yield f"blocks of {human_size(header['block_size'])}"
    if isinstance(header.get("blocks_allocated"), int):
        yield f"{counted(header['blocks_allocated'], 'block')} with data"


def _iso(header: dict[str, Any]) -> Iterator[str]:
    if header.get("volume_id"):
        yield f"volume {header['volume_id']!r}"
    extensions = (("rock_ridge", "Rock Ridge"), ("joliet", "Joliet"), ("udf", "UDF"), ("isohybrid", "isohybrid"))
    yield from (name for key, name in extensions if header.get(key))


_WORDS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "qcow2": _qcow2, "vhd": _vhd, "zvhd": _zvhd, "zvhd2": _zvhd, "vmdk": _vmdk, "vdi": _vdi, "iso": _iso,
}
