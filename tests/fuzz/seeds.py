"""The files that are damaged: for each format its samples, what the writers beside the tests make, and what tools make.

A seed is a name that begins with its format; ``make(folder)`` gives the path of its file. What needs tools names them.
"""

from __future__ import annotations

import lzma
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import packages
import qcow2_images
import table_writer
import vdi_images
import vhd_writer
import vhdx_writer
import vmdk_images
from images import containers, discs, disks, filesystems, isos, udfdiscs, wims, windows
from images.ntfsrecords import File, symlink, system_compressed
from images.tree import DEBIAN_12, linux
from table_writer import Gpt, Part, record

from imgbuild import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).parents[2] / "samples"
MIB = 1 << 20
LVM = "mbr-lvm-ext4"


@dataclass(frozen=True)
class Seed:
    """A file to be damaged: its format, its name within it, what makes it in a folder, and with which tools.

    ``beside`` are files of its folder, by their names, that may be opened with it (``--allow-external``).
    """

    format: str
    name: str
    make: Callable[[Path], Path]
    tools: tuple[str, ...] = ()
    beside: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return f"{self.format}:{self.name}"


def all_seeds() -> tuple[Seed, ...]:
    """Return all seeds, those of a format together."""
    return tuple(sorted((*_samples(), *_written(), *_deltas(), *_mastered(), *_disks(), *_filesystems(),
                         *_windows(), *_wrapped()), key=str))


def _samples() -> list[Seed]:
    found = [path for path in (*SAMPLES.iterdir(), *(SAMPLES / "zvhd").iterdir())
             if path.suffix in {".qcow2", ".vhd", ".iso", ".zvhd", ".zvhd2"}]
    requests = [path for path in (SAMPLES / "requests").iterdir() if not path.name.endswith(".findings.json")]
    named = [(path.suffix[1:], f"sample-{path.stem}", path) for path in found]
    named += [("request", path.stem, path) for path in requests]
    return [Seed(kind, name, lambda _, path=path: path) for kind, name, path in named]


def _written() -> list[Seed]:
    tables = table_writer.boot_sector(record(0x83, 2048, 2048), record(5, 8192, 8192))
    logical = table_writer.boot_sector(record(0x83, 64, 2048), record(5, 4096, 4096))
    further = table_writer.boot_sector(record(0x82, 64, 2048))
    extended = table_writer.Disk(16 * MIB).write(0, tables).write(8192 * 512, logical).write(12288 * 512, further)
    guids = Gpt([Part(2048, 4095, name="root"), Part(4096, 8191)]).write(table_writer.Disk(16 * MIB))
    contents: dict[str, object] = {
        "qcow2:zstd": _qcow2(cluster_bits=12, compression_type=1),
        "qcow2:v2": _qcow2(version=2),
        "qcow2:extended": _qcow2(cluster_bits=14, extended=True),
        "vhd:dynamic": vhd_writer.dynamic(tables + bytes(8192) + b"x" * 8192, 4096),
        "vhd:differencing": vhd_writer.differencing("parent.vhd"),
        "vmdk:sparse": vmdk_images.plain().image(),
        "vmdk:stream": vmdk_images.plain(compressed=True, footer=True, redundant=False).image(),
        "vmdk:text": vmdk_images.text('RW 8 FLAT "disk-flat.vmdk" 0', 'RW 8 SPARSE "/etc/passwd"').encode(),
        "vdi:dynamic": vdi_images.vdi("b.a-cdx", block_size=1024),
        "vhdx:plain": vhdx_writer.Disk(blocks={0: (vhdx_writer.FULLY_PRESENT, tables)}).file(),
        "vhdx:log": _vhdx_with_log(),
        "iso:plain": discs.plain(),
        "iso:boot": discs.disc(discs.primary(), discs.boot_record(21), discs.terminator(), size=32,
                               at={21: discs.validation() + discs.boot_entry(22) + discs.section(0xEF, 1)
                                   + discs.boot_entry(23)}),
        "iso:udf": discs.disc(discs.primary(), discs.terminator(), *discs.recognition(b"BEA01", b"NSR02", b"TEA01"),
                              size=400, at=discs.udf_volume(length=64)),
        "mbr:extended": extended,
        "gpt:written": guids,
        "compressed:xz": lzma.compress(bytes(65536) + tables),
        "compressed:gz": zlib.compress(tables * 100, wbits=31),
        "compressed:tar": zlib.compress(packages.package({"disk.raw": tables * 4}), wbits=31),
        "compressed:zst": zstd.compress(vmdk_images.plain().image()),
        "ova:package": packages.package({"x.ovf": packages.descriptor({"a.vmdk": (4096, 2)}), **_disks_of_a_package()}),
        "tar:disks": packages.package(_disks_of_a_package()),
    }
    return [Seed(*name.split(":"), partial(_write, content)) for name, content in contents.items()]


def _disks_of_a_package() -> dict[str, bytes]:
    return {"a.vmdk": vmdk_images.plain(compressed=True, footer=True, redundant=False).image(), "b.qcow2": _qcow2()}


def _qcow2(**layout: object) -> bytes:
    clusters = [("standard", 1, 65), ("compressed", 2, 66), ("hole", 0, 0), ("compressed", 4, 67), ("zeros", 3, 68)]
    names = qcow2_images.extension(0xE2792ACA, b"raw") + qcow2_images.extension(0x6803F857, bytes(96))
    return qcow2_images.build(qcow2_images.Builder(**layout), clusters).image(extensions=names)


def _vhdx_with_log() -> object:
    entry = vhdx_writer.Log(7, [(vhdx_writer.METADATA, b"metadata".ljust(4096, b"\0")), (vhdx_writer.BAT, 4096)])
    return vhdx_writer.Disk(log_guid=vhdx_writer.LOG_GUID, log=entry.encode()).file()


def _deltas() -> list[Seed]:
    """Return deltas, each with a parent beside it."""
    base = table_writer.boot_sector(record(0x83, 4, 8)) + bytes(8192 - 512)
    backing = qcow2_images.extension(0xE2792ACA, b"raw") + bytes(8)
    qcow2 = qcow2_images.build(qcow2_images.Builder(), [("standard", 1, 65), ("hole", 0, 0), ("zeros", 3, 68)])
    named = qcow2_images.patch(qcow2.image(extensions=backing), backing_file_offset=256, backing_file_size=4)
    words = vmdk_images.text('RW 32 SPARSE "x"').replace("parentCID=ffffffff", "parentCID=12345678")
    locator = vhdx_writer.parent_locator({"parent_linkage": "{13121110-1514-1716-1819-1a1b1c1d1e1f}",
                                          "relative_path": ".\\base"})
    blocks = {0: (vhdx_writer.PARTIALLY_PRESENT, base), 2: (vhdx_writer.FULLY_PRESENT, base)}
    vhdx = vhdx_writer.Disk(flags=vhdx_writer.HAS_PARENT, blocks=blocks, bitmaps={0: b"\xa5" * 256}, extra_items=[
        (vhdx_writer.PARENT_LOCATOR, locator, vhdx_writer.IS_REQUIRED)])
    vdi = vdi_images.patch(vdi_images.vdi("a.-b", block_size=1024), image_type=4, uuid_image=b"c" * 16,
                           uuid_link=bytes(range(16)))
    deltas: dict[str, tuple[object, str, object]] = {
        "qcow2": (qcow2_images.put(named, 256, b"base"), "base", base),
        "vmdk": (vmdk_images.plain("a..b", descriptor=words + 'parentFileNameHint="base"\n').image(), "base",
                 vmdk_images.plain("cdef").image()),
        "vhd": (vhd_writer.delta({1: b"x", 9: b"y"}, 8192, path=".\\base"), "base", vhd_writer.fixed(base)),
        "vhdx": (vhdx.file(), "base", vhdx_writer.Disk(blocks={1: (vhdx_writer.FULLY_PRESENT, base)}).file()),
        "vdi": (vdi, "base.vdi", vdi_images.vdi("abcd", block_size=1024)),
    }
    return [Seed(kind, "delta", partial(_write, delta), beside=((name, parent),))
            for kind, (delta, name, parent) in deltas.items()]


def _write(content: object, folder: Path) -> Path:
    return save(content, folder / "seed.img")


def save(content: object, path: Path) -> Path:
    """Write a content, bytes or a file with holes, and return its path."""
    if isinstance(content, bytes):
        path.write_bytes(content)
        return path
    return content.save(path)


def _mastered() -> list[Seed]:
    return [Seed("iso", "windows", _windows_disc), *(Seed("iso", kind, partial(isos.build, kind), isos.TOOLS)
                                                     for kind in isos.KINDS)]


def _windows_disc(folder: Path) -> Path:
    """A disc of UDF whose WIM tells the system."""
    tree = {"setup.exe": b"MZ", "sources/install.wim": wims.wim(wims.image(), wims.image("ServerDatacenter"))}
    return udfdiscs.build(folder / "windows.iso", tree, label="SSS_X64FREE_EN-US_DV9")


def _disks() -> list[Seed]:
    kinds = {"gpt-uefi-ext4": "gpt", "mbr-bios-ext4": "mbr", LVM: "lvm", "gpt-bios-xfs": "xfs",
             "whole-disk-ext4": "ext", "fedora-40-cloud": "btrfs", "opensuse-15.6-btrfs": "btrfs",
             "debian-12-cloud": "fat", "ubuntu-24.04-cloud": "guest", "opensuse-15.6-cloud": "guest",
             "gpt-uefi-windows": "windows"}
    return [Seed(kinds.get(name, "guest"), name, partial(disks.build, name), layout.tools)
            for name, layout in disks.LAYOUTS.items()]


def _windows() -> list[Seed]:
    text = b"registry " * 20_000
    files = {"compressed": File(text, "compressed"), "sparse": File(bytes(MIB) + text, "sparse"),
             "spread": File(text, "spread"), "link": symlink("..\\compressed"), "wof": system_compressed(9000)}
    names = {f"Windows/System32/file{number:04d}.dll": b"MZ" for number in range(500)}
    guest = windows.Guest().but(files=files | names)
    return [Seed("windows", "bios", lambda folder: windows.disk(folder / "seed.img", guest)),
            Seed("windows", "dirty", lambda folder: windows.disk(
                folder / "seed.img", windows.Guest().but(dirty=True, dirty_hives=True)))]


def _filesystems() -> list[Seed]:
    """Return file systems on the whole disk: what a kernel wrote, and what our second reader of ext reads."""
    return [Seed("btrfs", "kernel", _kernels_btrfs),
            Seed("ext", "inline-data", _inline_data, ("mke2fs", "debugfs"))]


def _kernels_btrfs(folder: Path) -> Path:
    return _write(lzma.decompress((SAMPLES / "btrfs" / "kernel.img.xz").read_bytes()), folder)


def _inline_data(folder: Path) -> Path:
    tree = linux(DEBIAN_12, "LABEL=root / ext4 defaults 0 1\n")
    return filesystems.ext(folder / "seed", 32, tree, "-O", "inline_data")


def _wrapped() -> list[Seed]:
    return [Seed(variant.format, f"of-disk-{name}", partial(_wrap, name), (*disks.TOOLS, "qemu-img"))
            for name, variant in containers.VARIANTS.items() if name != "raw"] + [
        Seed("parallels", "of-disk", _parallels, (*disks.TOOLS, "qemu-img"))]


def _wrap(name: str, folder: Path) -> Path:
    raw = disks.build("gpt-uefi-ext4", folder)
    return containers.wrap(name, raw, folder)


def _parallels(folder: Path) -> Path:
    raw = disks.build("gpt-uefi-ext4", folder)
    containers.run("qemu-img", "convert", "-q", "-f", "raw", "-O", "parallels", raw, folder / "seed.hdd")
    return folder / "seed.hdd"
