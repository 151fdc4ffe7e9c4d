"""A1 and A3 once more, with ``--allow-external``: what must not be opened, or not be believed, even then."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import qcow2_images as q
import vdi_images as vdi
import vhd_writer as vhd
import vhdx_writer as vhdx
import vmdk_images as vmdk
from hostile.case import Case, Content, Maker
from hostile.cases.references import BACKING_FORMAT, JSON, backed, with_parent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALLOWED = ("--allow-external",)
OUTSIDE, MISSING, CYCLE = ("image-external-outside",), ("image-external-missing",), ("image-external-cycle",)
MISMATCH, MANY = ("image-parent-mismatch",), ("image-external-too-many",)
LINKAGE = "{13121110-1514-1716-1819-1a1b1c1d1e1f}"
IDENTITY = bytes(range(16))


def qcow2(name: str) -> bytes:
    return backed(name.encode(), area=q.extension(BACKING_FORMAT, b"qcow2"))


def vmdk_delta(name: str) -> bytes:
    return with_parent(vmdk.plain().image(), name)


def vhd_delta(name: str) -> bytes:
    return vhd.delta({1: b"x" * 512}, 8192, path=name, unique_id=IDENTITY)


def vhdx_delta(name: str) -> Content:
    locator = vhdx.parent_locator({"parent_linkage": LINKAGE, "relative_path": name})
    return vhdx.Disk(flags=vhdx.HAS_PARENT, extra_items=[(vhdx.PARENT_LOCATOR, locator, vhdx.IS_REQUIRED)]).file()


DELTAS: dict[str, Callable[[str], Content]] = {"qcow2": qcow2, "vmdk": vmdk_delta, "vhd": vhd_delta,
                                               "vhdx": vhdx_delta}
BASES: dict[str, Content] = {
    "qcow2": vhd.fixed(bytes(8192)), "vmdk": vmdk.put(vmdk.plain().image(), 543, b"CID=00000000"),
    "vhd": vhd.fixed(bytes(8192), unique_id=b"o" * 16), "vhdx": vhdx.Disk(data_write_guid=b"o" * 16).file()}
ELSEWHERE = {"absolute": "/etc/passwd", "dots": "../passwd", "below": "sub/passwd", "backslash": "..\\passwd",
             "drive": "C:\\Windows\\win.ini", "share": "\\\\host\\share\\x", "json": JSON.decode(), "nbd": "nbd:host:1",
             "http": "http://169.254.169.254/", "fd": "/dev/fd/0", "zero": "x\0y", "empty": ""}


def save(content: Content, path: Path) -> None:
    """Write a content of any kind."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif callable(content):
        content(path)
    else:
        content.save(path)


def with_files(name: str, delta: Callable[[str], Content], others: dict[str, Callable[[Path], object]]) -> Maker:
    """Return what makes a delta over ``name``, and other files beside it."""

    def make(path: Path) -> None:
        for other, put in others.items():
            put(path.parent / other)
        save(delta(name), path)

    return make


def allowed(name: str, what: str, make: Content, expect: tuple[str, ...], *beside: str) -> Case:
    return Case(f"allowed-{name}", "A1" if name.endswith("qcow2") else "A3", f"--allow-external, {what}",
                lambda: make, expect, words=ALLOWED, beside=beside)


def link_to(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def ring(ending: str, delta: Callable[[str], Content]) -> Maker:
    """Return what makes two deltas, each over the other."""

    def make(path: Path) -> None:
        save(delta(f"other.{ending}"), path)
        save(delta(path.name), path.with_name(f"other.{ending}"))

    return make


def hard(ending: str, delta: Callable[[str], Content]) -> Maker:
    """Return what makes a delta over another name of its own file."""

    def make(path: Path) -> None:
        save(delta(f"twin.{ending}"), path)
        os.link(path, path.with_name(f"twin.{ending}"))

    return make


def endless(path: Path) -> None:
    """Make 100 deltas, each over the next one."""
    for number in range(100):
        path.with_name(f"d{number}").write_bytes(qcow2(f"d{number + 1}"))
    path.write_bytes(qcow2("d0"))


def vdi_delta(link: bytes = IDENTITY, image: bytes = b"c" * 16) -> bytes:
    return vdi.patch(vdi.vdi("...."), image_type=4, uuid_image=image, uuid_link=link, uuid_parent=b"m" * 16)


def vdi_with(parent: bytes | None, count: int = 1) -> Maker:
    """Return what makes a differencing VDI with other VDI files beside it."""

    def make(path: Path) -> None:
        for number in range(count if parent is not None else 0):
            path.with_name(f"{number}.vdi").write_bytes(parent or b"")
        path.write_bytes(vdi_delta())

    return make


def _each() -> list[Case]:
    cases = []
    for ending, delta in DELTAS.items():
        cases += [allowed(f"{key}.{ending}", f"a parent at {name!a}", delta(name),
                          OUTSIDE if name or ending in {"qcow2", "vmdk"} else MISSING)
                  for key, name in ELSEWHERE.items()
                  if not (ending in {"vmdk", "vhd", "vhdx"} and key in {"zero", "json"})]
        cases += [
            allowed(f"link.{ending}", "a parent that is a link to /etc/passwd",
                    with_files("link", delta, {"link": link_to("/etc/passwd")}), OUTSIDE, "link"),
            allowed(f"device.{ending}", "a parent that is a link to /dev/zero",
                    with_files("link", delta, {"link": link_to("/dev/zero")}), OUTSIDE, "link"),
            allowed(f"fifo.{ending}", "a parent that is a FIFO",
                    with_files("pipe", delta, {"pipe": os.mkfifo}), MISSING, "pipe"),
            allowed(f"folder.{ending}", "a parent that is a folder",
                    with_files("sub", delta, {"sub": os.mkdir}), MISSING, "sub"),
            allowed(f"gone.{ending}", "a parent that is not there", delta("gone"), MISSING, "gone"),
            allowed(f"itself.{ending}", "a parent that is the delta itself", delta(f"allowed-itself.{ending}"), CYCLE),
            allowed(f"twin.{ending}", "a parent that is the delta under another name", hard(ending, delta), CYCLE,
                    f"twin.{ending}"),
            allowed(f"ring.{ending}", "two deltas, each over the other", ring(ending, delta), CYCLE, f"other.{ending}"),
            allowed(f"wrong.{ending}", "a parent that is another disk",
                    with_files("base", delta, {"base": partial(save, BASES[ending])}), MISMATCH, "base"),
        ]
    return cases


CASES = [
    *_each(),
    allowed("chain.qcow2", "100 deltas, one over the other", endless, MANY, *(f"d{number}" for number in range(100))),
    allowed("encrypted.qcow2", "a parent that is encrypted", with_files("base", qcow2, {
        "base": partial(save, q.patch(q.plain(), crypt_method=1))}), ("image-encrypted",), "base"),
    allowed("outside-next.qcow2", "a parent whose parent is /etc/passwd", with_files("base", qcow2, {
        "base": partial(save, qcow2("/etc/passwd"))}), OUTSIDE, "base"),
    allowed("data-file.qcow2", "a parent with a data file", with_files("base", qcow2, {
        "base": partial(save, q.patch(q.plain(), incompatible_features=4))}), ("image-external-data-file",), "base"),
    allowed("extent.qcow2", "a parent that is a VMDK descriptor of /etc/passwd", with_files(
        "base", lambda name: backed(name.encode(), area=q.extension(BACKING_FORMAT, b"vmdk")), {
            "base": partial(save, vmdk.text('RW 8 FLAT "/etc/passwd" 0', create_type="monolithicFlat").encode())}),
        OUTSIDE, "base"),
    allowed("raw-qcow2.qcow2", "a raw parent with a qcow2 header in it", with_files(
        "base", lambda name: backed(name.encode(), area=q.extension(BACKING_FORMAT, b"raw")), {
            "base": partial(save, qcow2("/etc/passwd"))}), MISMATCH, "base"),
    allowed("none.vdi", "a parent that no file of the folder is", vdi_with(None), MISSING),
    allowed("changed.vdi", "a parent that was written to since", vdi_with(vdi.vdi("abcd")), MISMATCH, "0.vdi"),
    allowed("itself.vdi", "a parent that is the delta itself", vdi_delta(image=IDENTITY), CYCLE),
    allowed("many.vdi", "700 files that are not the parent", vdi_with(vdi.patch(vdi.vdi(), uuid_image=b"o" * 16), 700),
            MISSING, *(f"{number}.vdi" for number in range(700))),
    allowed("bitmap.vhd", "a block that reaches over the end, and a sound parent", with_files("base.vhd", lambda name: (
        vhd.patch(vhd_delta(name), {1536: (1 << 31).to_bytes(4, "big")})), {
            "base.vhd": partial(save, vhd.fixed(bytes(8192)))}), ("image-truncated",), "base.vhd"),
    allowed("bitmap.vhdx", "blocks that are partly there, without a bitmap", with_files("base.vhdx", lambda name: (
        vhdx_delta(name).patch({vhdx.BAT: (vhdx.BLOCKS | vhdx.PARTIALLY_PRESENT).to_bytes(8, "little")})), {
            "base.vhdx": partial(save, vhdx.Disk().file())}), ("image-table-entry-invalid",), "base.vhdx"),
]
