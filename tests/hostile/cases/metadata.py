"""A7, A8, A10, A11 and A12: numbers in headers and tables that no good writer would set."""

from __future__ import annotations

import struct
from functools import partial

import qcow2_images as q
import vdi_images as vdi
import vhd_writer as vhd
import vhdx_writer as vhdx
import vmdk_images as vmdk
import zvhd_files
from hostile import headers as h
from hostile.case import Case, Content, sparse
from images import discs
from table_writer import LINUX, Disk, Gpt, Part

KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
EIB = 1 << 60
MOST = (1 << 64) - 1
TOO_LARGE, TOO_SMALL, CUT = ("image-table-too-large",), ("image-table-too-small",), ("image-truncated",)
HEADER, QCOW2, OVERFLOW = ("image-header-invalid",), ("image-qcow2-header-invalid",), ("image-size-overflow",)
TABLES = ("image-tables-overlap",)
OVERLAP, ENTRY, MISPLACED = ("image-block-overlap",), ("image-table-entry-invalid",), ("image-table-misplaced",)
L1_AT, L2_AT, DATA_AT = 1024, 1536, 67 * 512  # of qcow2_images.plain()
COPIED = 1 << 63


def qcow2(**fields: int) -> bytes:
    return q.patch(q.plain(), **fields)


def l1(entry: int) -> bytes:
    """Return a sound qcow2 but for its only L1 entry."""
    return q.put(q.plain(), L1_AT, struct.pack(">Q", entry))


def l2(*entries: int) -> bytes:
    """Return a sound qcow2 but for its first L2 entries."""
    return q.put(q.plain(), L2_AT, struct.pack(f">{len(entries)}Q", *entries))


def wide_qcow2(size: int, *, l1_entries: int, file: int = 64 * MIB) -> object:
    """Return a maker of a qcow2 with clusters of 2 MiB and a large L1 table of holes."""
    raw = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, 21, size, 0, l1_entries, 4 * MIB, 2 * MIB, 1, 0, 0)
    return sparse(file, at_0=raw + struct.pack(">QQQIIB7x", 0, 0, 0, 4, 112, 0))


def vhd_dynamic(entries: int = 2, block_size: int = 4096, size: int = 8192, *, table: bytes = b"\xff" * 512,
                table_offset: int = 1536, data: bytes = b"") -> bytes:
    end = vhd.footer(size, vhd.DYNAMIC_DISK, data_offset=512)
    return end + vhd.dynamic_header(entries, block_size, table_offset=table_offset) + table + data + end


def zvhd2_page(offset: int, data: bytes) -> bytes:
    """Return a sound ZVHD2 with a change in its footer page and in the first header."""
    file = zvhd_files.packed(zvhd_files.sparse_source())
    return zvhd_files.patch(zvhd_files.patch(file, offset, data, page=-4096), offset, data, page=0)


def vhdx_with(changes: dict[int, bytes], *, seal: tuple[tuple[int, int], ...] = ()) -> Content:
    """Return a sound VHDX with bytes changed and the checksums of structures renewed."""
    file = vhdx.Disk(blocks={0: (vhdx.FULLY_PRESENT, b"a" * MIB)}).file().patch(changes)
    for at, length in seal:
        file = vhdx.resealed(file, at, length)
    return file


def both_tables(offset: int, data: bytes) -> Content:
    """Return a sound VHDX with the same change in both region tables."""
    return vhdx_with({at + offset: data for at in vhdx.TABLES}, seal=tuple((at, 64 * KIB) for at in vhdx.TABLES))


def both_headers(offset: int, data: bytes) -> Content:
    return vhdx_with({at + offset: data for at in vhdx.HEADERS}, seal=tuple((at, 4096) for at in vhdx.HEADERS))


ITEM = vhdx.METADATA + 64 * KIB  # block_size 4, flags 4, virtual size 8

BOMBS = [
    Case("l1-size.qcow2", "A7", "2**32 - 1 L1 entries (CVE-2014-0143)", lambda: qcow2(l1_size=0xFFFFFFFF), TOO_LARGE),
    Case("l1-over-32-mib.qcow2", "A7", "an L1 table of 40 MiB, all of it holes",
         lambda: wide_qcow2(2 * TIB, l1_entries=5 * MIB), TOO_LARGE),
    Case("refcount-table.qcow2", "A7", "a refcount table of 2 TiB (CVE-2014-0147)",
         lambda: qcow2(refcount_table_clusters=0xFFFFFFFF), TOO_LARGE),
    Case("snapshots.qcow2", "A7", "2**32 - 1 snapshots (CVE-2014-0145)",
         lambda: qcow2(nb_snapshots=0xFFFFFFFF, snapshots_offset=512), TOO_LARGE),
    Case("snapshot-strings.qcow2", "A7", "a snapshot whose name goes on for 64 KiB", lambda: q.put(
        qcow2(nb_snapshots=1, snapshots_offset=1 << 16), 1 << 16, struct.pack(
            ">QIHHIIQII", 1024, 1, 65535, 65535, 0, 0, 0, 0, 0xFFFFFFFF)), ("image-snapshots",)),
    Case("extension-length.qcow2", "A7", "a header extension of 4 GiB",
         lambda: q.put(q.plain(), 112, struct.pack(">II", 0x12345678, 0xFFFFFFFF)), QCOW2),
    Case("extensions-endless.qcow2", "A7", "8,000 empty header extensions", lambda: q.put(
        q.Builder(cluster_bits=16).hole().image(), 112, b"".join(
            q.extension(0x1000 + number, b"") for number in range(8000))), QCOW2),
    Case("bitmaps.qcow2", "A7", "a bitmap directory of 2**63 bytes", lambda: q.patch(q.put(
        q.plain(), 112, q.extension(0x23852875, struct.pack(">IIQQ", 1, 0, 1 << 63, 512))), autoclear_features=1),
         ("image-truncated",)),
    Case("l2-many.qcow2", "A7", "4 million L1 entries that are all one L2 table", lambda: _same_l2,
         ("image-tables-overlap",)),
    Case("bat.vhd", "A7", "2**32 - 1 table entries", lambda: vhd_dynamic(0xFFFFFFFF), TOO_LARGE),
    Case("bat-missing.vhd", "A7", "a disk of 2 TiB and a table of two entries", lambda: vhd_dynamic(size=2040 * GIB),
         ("image-vhd-table-too-small",)),
    Case("bat-hidden.vhd", "A7", "a table at 2**63", lambda: vhd_dynamic(table_offset=1 << 63), TOO_LARGE),
    Case("regions.vhdx", "A7", "2**32 - 1 regions", lambda: both_tables(8, b"\xff" * 4), HEADER),
    Case("regions-2048.vhdx", "A7", "2,048 regions; 2,047 is the most", lambda: both_tables(8, struct.pack("<I", 2048)),
         HEADER),
    Case("region-length.vhdx", "A7", "a region of 4 GiB", lambda: both_tables(16 + 24, b"\xff\xff\xf0\xff"), HEADER),
    Case("metadata-count.vhdx", "A7", "65,535 metadata items", lambda: vhdx_with({vhdx.METADATA + 10: b"\xff\xff"}),
         HEADER),
    Case("metadata-item.vhdx", "A7", "a metadata item of 4 GiB",
         lambda: vhdx_with({vhdx.METADATA + 32 + 20: b"\xff" * 4}), HEADER),
    Case("log-length.vhdx", "A7", "a log of 4 GiB", lambda: both_headers(68, b"\0\0\xf0\xff"), CUT),
    Case("log-offset.vhdx", "A7", "a log at 2**63", lambda: both_headers(72, struct.pack("<Q", 1 << 63)), CUT),
    Case("block-map.vdi", "A7", "2**32 - 1 blocks (CVE-2014-0144)",
         lambda: vdi.patch(vdi.vdi(), blocks_in_image=0xFFFFFFFF), TOO_LARGE),
    Case("block-map-missing.vdi", "A7", "a disk of 2**62 bytes and a map of four blocks",
         lambda: vdi.patch(vdi.vdi(), disk_size=1 << 62), ("image-vdi-map-too-small",)),
    Case("directory.vmdk", "A7", "a grain directory of 2**45 entries",
         lambda: vmdk.patch(vmdk.plain().image(), capacity=1 << 50), TOO_LARGE),
    Case("table-entries.vmdk", "A7", "2**32 - 1 entries in a grain table (CVE-2014-0144)",
         lambda: vmdk.patch(vmdk.plain().image(), numGTEsPerGT=0xFFFFFFFF), HEADER),
    Case("descriptor-size.vmdk", "A7", "a descriptor of 2**63 sectors",
         lambda: vmdk.patch(vmdk.plain().image(), descriptorSize=1 << 63), ()),
    Case("descriptor-offset.vmdk", "A7", "a descriptor at sector 2**63",
         lambda: vmdk.patch(vmdk.plain().image(), descriptorOffset=1 << 63), ("image-extent-alone",)),
    Case("index-size.zvhd2", "A7", "an index of 4 GiB", lambda: zvhd2_page(112, b"\xff" * 4), ("image-zvhd-index",)),
    Case("index-place.zvhd2", "A7", "an index at 2**64 - 1", lambda: zvhd2_page(96, b"\xff" * 8),
         ("image-zvhd-index",)),
    Case("blocks.zvhd2", "A7", "2**32 - 1 blocks", lambda: zvhd2_page(92, b"\xff" * 4), ("image-zvhd-block-count",)),
    Case("table-size.qed", "A7", "tables of 2**32 - 1 clusters", lambda: h.qed(table_size=0xFFFFFFFF), HEADER),
    Case("l1-table.qcow", "A7", "an L1 table of 2**43 bytes", lambda: h.qcow1(size=(1 << 63) - 512), TOO_LARGE),
    Case("bat.hdd", "A7", "2**32 - 1 clusters", lambda: h.parallels(entries=0xFFFFFFFF), TOO_LARGE),
]


def _same_l2(path) -> None:
    entry = struct.pack(">Q", COPIED | 36 * MIB)
    wide_qcow2((1 << 22) * 512 * GIB - 512, l1_entries=1 << 22)(path)
    with path.open("r+b") as file:
        file.seek(4 * MIB)
        file.write(entry * (1 << 22))


EDGES = [
    Case("size-0.qcow2", "A8", "a disk of 0 bytes", lambda: qcow2(size=0), ("image-empty-disk",)),
    Case("size-63.qcow2", "A8", "a disk of 2**63 bytes", lambda: qcow2(size=1 << 63), OVERFLOW),
    Case("size-64.qcow2", "A8", "a disk of 2**64 - 1 bytes", lambda: qcow2(size=MOST), OVERFLOW),
    Case("size-almost-63.qcow2", "A8", "a disk of 2**63 - 512 bytes", lambda: qcow2(size=(1 << 63) - 512), TOO_SMALL),
    Case("cluster-bits-63.qcow2", "A8", "cluster_bits 63", lambda: qcow2(cluster_bits=63), QCOW2),
    Case("cluster-bits-64.qcow2", "A8", "cluster_bits 64", lambda: qcow2(cluster_bits=64), QCOW2),
    Case("cluster-bits-0.qcow2", "A8", "cluster_bits 0", lambda: qcow2(cluster_bits=0), QCOW2),
    Case("cluster-bits-most.qcow2", "A8", "cluster_bits 2**32 - 1", lambda: qcow2(cluster_bits=0xFFFFFFFF), QCOW2),
    Case("refcount-order-63.qcow2", "A8", "refcount_order 63", lambda: qcow2(refcount_order=63), QCOW2),
    Case("l1-offset-wraps.qcow2", "A8", "an L1 table at 2**64 - 512",
         lambda: qcow2(l1_table_offset=(1 << 64) - 512), CUT),
    Case("header-length-most.qcow2", "A8", "header_length 2**32 - 1", lambda: qcow2(header_length=0xFFFFFFFF), QCOW2),
    Case("version-4.qcow2", "A8", "version 4", lambda: qcow2(version=4), ("image-unsupported-version",)),
    Case("version-most.qcow2", "A8", "version 2**32 - 1", lambda: qcow2(version=0xFFFFFFFF),
         ("image-unsupported-version",)),
    Case("features-unknown.qcow2", "A8", "all incompatible features", lambda: qcow2(incompatible_features=MOST),
         ("image-unknown-feature",)),
    Case("size-64.vhd", "A8", "a disk of 2**64 - 1 bytes", lambda: bytes(4096) + vhd.footer(MOST), ("image-vhd-size",)),
    Case("size-0.vhd", "A8", "a disk of 0 bytes", lambda: bytes(4096) + vhd.footer(0), ("image-vhd-size",)),
    Case("block-size-0.vhd", "A8", "blocks of 0 bytes", lambda: vhd_dynamic(block_size=0),
         ("image-block-size-invalid",)),
    Case("block-size-most.vhd", "A8", "blocks of 2**32 - 512 bytes", lambda: vhd_dynamic(block_size=(1 << 32) - 512),
         ("image-block-size-invalid",)),
    Case("data-offset-wraps.vhd", "A8", "a dynamic header at 2**64 - 1", lambda: vhd.footer(
        8192, vhd.DYNAMIC_DISK) + bytes(4096) + vhd.footer(8192, vhd.DYNAMIC_DISK), CUT),
    Case("geometry-0.vhd", "A8", "a geometry of 0 cylinders", lambda: bytes(8192) + vhd.footer(
        8192, geometry=(0, 0, 0)), ()),
    Case("size-63.vhdx", "A8", "a disk of 2**63 bytes", lambda: vhdx_with({ITEM + 8: struct.pack("<Q", 1 << 63)}),
         HEADER),
    Case("size-0.vhdx", "A8", "a disk of 0 bytes", lambda: vhdx_with({ITEM + 8: bytes(8)}), ("image-empty-disk",)),
    Case("block-size-0.vhdx", "A8", "blocks of 0 bytes", lambda: vhdx_with({ITEM: bytes(4)}),
         ("image-block-size-invalid",)),
    Case("block-size-odd.vhdx", "A8", "blocks of 3 MiB", lambda: vhdx_with({ITEM: struct.pack("<I", 3 * MIB)}),
         ("image-block-size-invalid",)),
    Case("sector-size-0.vhdx", "A8", "sectors of 0 bytes", lambda: vhdx_with({ITEM + 16 + 16: bytes(4)}), ()),
    Case("capacity-most.vmdk", "A8", "a disk of 2**73 bytes",
         lambda: vmdk.patch(vmdk.plain().image(), capacity=MOST), HEADER),
    Case("capacity-0.vmdk", "A8", "a disk of 0 bytes", lambda: vmdk.patch(vmdk.plain().image(), capacity=0), HEADER),
    Case("grain-size-0.vmdk", "A8", "grains of 0 bytes", lambda: vmdk.patch(vmdk.plain().image(), grainSize=0), HEADER),
    Case("grain-size-most.vmdk", "A8", "grains of 2**63 sectors",
         lambda: vmdk.patch(vmdk.plain().image(), grainSize=1 << 63), HEADER),
    Case("entries-0.vmdk", "A8", "grain tables of 0 entries",
         lambda: vmdk.patch(vmdk.plain().image(), numGTEsPerGT=0), HEADER),
    Case("directory-wraps.vmdk", "A8", "a grain directory at sector 2**63",
         lambda: vmdk.patch(vmdk.plain().image(), gdOffset=1 << 63), CUT),
    Case("cowd-most.vmdk", "A8", "an ESX extent, all its numbers 2**32 - 1",
         lambda: b"COWD" + b"\xff" * 2044, ("image-extent-alone",)),
    Case("sesparse-most.vmdk", "A8", "a seSparse extent, all its numbers 2**64 - 1",
         lambda: b"\xbe\xba\xfe\xca\0\0\0\0" + b"\xff" * 4088, ("image-extent-alone",)),
    Case("size-64.vdi", "A8", "a disk of 2**64 - 1 bytes", lambda: vdi.patch(vdi.vdi(), disk_size=MOST), HEADER),
    Case("block-size-0.vdi", "A8", "blocks of 0 bytes", lambda: vdi.patch(vdi.vdi(), block_size=0),
         ("image-block-size-invalid",)),
    Case("sector-size-0.vdi", "A8", "sectors of 0 bytes", lambda: vdi.patch(vdi.vdi(), sector_size=0), HEADER),
    Case("map-wraps.vdi", "A8", "a block map at 2**32 - 512",
         lambda: vdi.patch(vdi.vdi(), offset_bmap=0xFFFFFE00), CUT),
    Case("size-63.qed", "A8", "a disk of 2**63 bytes", lambda: h.qed(size=1 << 63), HEADER),
    Case("cluster-size-0.qed", "A8", "clusters of 0 bytes", lambda: h.qed(cluster_size=0), HEADER),
    Case("cluster-bits-255.qcow", "A8", "cluster_bits 255", lambda: h.qcow1(cluster_bits=255, l2_bits=255), HEADER),
    Case("size-64.qcow", "A8", "a disk of 2**64 - 1 bytes", lambda: h.qcow1(size=MOST), HEADER),
    Case("sectors-wrap.hdd", "A8", "2**55 sectors: 0 bytes in 64 bits", lambda: h.parallels(sectors=1 << 55), HEADER),
    Case("tracks-0.hdd", "A8", "clusters of 0 sectors", lambda: h.parallels(tracks=0), HEADER),
    Case("block-size-most.zvhd2", "A8", "blocks of 2**32 - 1 bytes", lambda: zvhd2_page(88, b"\xff" * 4),
         ("image-block-size-invalid",)),
    Case("size-64.zvhd2", "A8", "a disk of 2**64 - 1 bytes", lambda: zvhd2_page(40, b"\xff" * 16),
         ("image-zvhd-size",)),
    Case("block-size-0.iso", "A8", "logical blocks of 0 bytes", lambda: discs.disc(
        discs.primary(block_size=0), discs.terminator()), ("image-iso-header-invalid",)),
    Case("blocks-most.iso", "A8", "2**32 - 1 logical blocks", lambda: discs.disc(
        discs.primary(blocks=0xFFFFFFFF), discs.terminator()), ("image-iso-truncated",)),
    Case("two-orders.iso", "A8", "one size for little-endian readers, another for big-endian ones", lambda: discs.disc(
        discs.primary(at_80=struct.pack("<I", 24) + struct.pack(">I", 0xFFFFFFFF)), discs.terminator()),
         ("image-iso-fields-disagree",)),
    Case("payload-offset.luks", "A8", "a payload behind 2**41", lambda: b"LUKS\xba\xbe\0\1".ljust(104, b"\0")
         + b"\xff" * 488, ("image-encrypted",)),
]


def superblock(kind: str) -> Content:
    """Return a partitioned disk whose file system has absurd numbers in its superblock."""
    places = {
        "ext-block-size": {1024: struct.pack("<IIIIIIIIII", 64, 1 << 20, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 8192, 0)
                           .ljust(56, b"\0") + b"\x53\xef"},
        "ext-blocks": {1024: struct.pack("<IIIIIIIIII", 64, 0xFFFFFFFF, 0, 0, 0, 0, 2, 2, 8192, 8192)
                       .ljust(56, b"\0") + b"\x53\xef" + bytes(18) + struct.pack("<I", 1)},
        "xfs": {0: b"XFSB" + struct.pack(">IQ", 4096, 1 << 62) + bytes(68) + struct.pack(">II", 1, 0xFFFFFFFF)
                + bytes(10) + struct.pack(">H", 512)},
        "xfs-blocks": {0: b"XFSB" + struct.pack(">IQ", 0xFFFFFFFF, MOST)},
        "fat": {0: b"\xeb\x58\x90mkfs.fat" + struct.pack("<10xB10xI", 0xF8, 0xFFFFFFFF)
                .ljust(499, b"\0") + b"\x55\xaa"},
        "ntfs": {0: b"\xeb\x52\x90NTFS    " + struct.pack("<HB", 512, 0x81) + b"\xff" * 70},
        "exfat": {0: b"\xeb\x76\x90EXFAT   " + bytes(53) + b"\xff" * 48},
        "btrfs": {65536 + 64: b"_BHRfS_M" + b"\xff" * 512},
        "f2fs": {1024: struct.pack("<I", 0xF2F52010) + bytes(12) + struct.pack("<I", 12) + b"\xff" * 64},
        "swap": {4086: b"SWAPSPACE2", 1024: struct.pack("<II", 1, 0xFFFFFFFF)},
        "squashfs": {0: b"hsqs" + b"\xff" * 92},
        "erofs": {1024: b"\xe2\xe1\xf5\xe0" + b"\xff" * 124},
        "iso": {32768: b"\1CD001\1" + b"\xff" * 2000},
        "udf": {32768: b"\0BEA01\1", 34816: b"\0NSR03\1", 36864: b"\0TEA01\1", 256 * 2048: b"\2\0" + b"\xff" * 500},
        "md": {4096: struct.pack("<II", 0xA92B4EFC, 1) + b"\xff" * 248},
    }[kind]
    disk = Gpt([Part(2048, 16383, LINUX)]).write(Disk(10 * MIB))
    for place, data in places.items():
        disk.write(MIB + place, data)
    return disk


SUPERBLOCKS = [
    Case(f"superblock-{kind}.raw", "A8", f"a superblock ({kind.partition('-')[0]}) with absurd numbers",
         partial(superblock, kind), expect)
    for kind, expect in {
        "ext-block-size": (), "ext-blocks": ("image-filesystem-truncated",), "xfs": ("image-filesystem-truncated",),
        "xfs-blocks": (), "fat": (), "ntfs": (), "exfat": (), "btrfs": (), "f2fs": ("image-filesystem-truncated",),
        "swap": ("image-filesystem-truncated",), "squashfs": (), "erofs": (), "iso": (), "udf": (), "md": (),
    }.items()
]

HUGE = [
    Case("huge-1-eib.qcow2", "A10", "1 EiB in a file of 100 KiB",
         lambda: wide_qcow2(EIB, l1_entries=1 << 21, file=32 * MIB), ("ims-system-disk-too-large",)),
    Case("huge-2-tib.qcow2", "A10", "2 TiB in 4 MiB of holes",
         lambda: wide_qcow2(2 * TIB, l1_entries=4, file=6 * MIB), ("ims-system-disk-too-large",)),
    Case("huge-64-tib.vhdx", "A10", "64 TiB", lambda: vhdx.Disk(size=64 * TIB, block_size=256 * MIB).file(),
         ("ims-system-disk-too-large",)),
    Case("huge-2-tib.vhd", "A10", "2,040 GiB", lambda: vhd_dynamic(
        1020 * 1024, 2 * MIB, 2040 * GIB, table=b"\xff" * (1020 * 4096)), ("ims-system-disk-too-large",)),
    Case("huge-2-tib.vmdk", "A10", "2 TiB", lambda: _huge_vmdk, ("ims-system-disk-too-large",)),
    Case("huge-4-pib.vdi", "A10", "4 PiB", lambda: _huge_vdi, ("ims-system-disk-too-large",)),
    Case("huge-15-tib.raw", "A10", "15 TiB of holes", lambda: sparse(15 * TIB), ("ims-system-disk-too-large",)),
    Case("huge-1-tib.qed", "A10", "1 TiB", lambda: h.qed(size=TIB + 512, table_size=16, first_l2=0, end=128 * KIB),
         ("ims-system-disk-too-large",)),
    Case("huge-8-tib.zvhd2", "A10", "8 TiB in one page of index", lambda: zvhd2_page(48, struct.pack("<Q", 8 * TIB)),
         ("ims-system-disk-too-large",)),
]


def _huge_vmdk(path) -> None:
    builder = vmdk.Builder([], grain_sectors=128, entries=512, capacity=1 << 32, redundant=False)
    path.write_bytes(vmdk.patch(builder.image(), overHead=21 + 512).ljust((21 + 512) * 512, b"\0"))


def _huge_vdi(path) -> None:
    image = vdi.patch(vdi.vdi("."), block_size=1 << 31, blocks_in_image=1 << 21, disk_size=1 << 52, blocks_allocated=0,
                      offset_data=512 + (1 << 23))
    path.write_bytes(image[:512] + b"\xff" * (1 << 23))


def _shared_grains() -> bytes:
    builder = vmdk.plain(redundant=False)
    image = builder.image()
    place = struct.pack("<4I", *[builder.places[0]] * 4)
    return vmdk.put(vmdk.put(image, builder.first_table, place), builder.first_table + 512, place[:12])


def _shared_records() -> bytes:
    file = zvhd_files.packed(zvhd_files.holey(4, (0, 1, 2, 3), 2 * MIB))
    at = int.from_bytes(file[-4096 + 96 : -4096 + 104], "little")
    first = file[at : at + 8]
    return zvhd_files.patch(file, at + 16, first)


CYCLES = [
    Case("backing-itself.qcow2", "A11", "a qcow2 that is its own backing file", lambda: q.put(q.patch(
        q.plain(), backing_file_offset=256, backing_file_size=20), 256, b"backing-itself.qcow2"),
         ("image-backing-file",)),
    Case("l2-is-l1.qcow2", "A11", "an L2 table that is the L1 table", lambda: l1(COPIED | L1_AT), TABLES),
    Case("l2-is-header.qcow2", "A11", "an L2 table that is the header", lambda: l1(COPIED), ()),
    Case("l2-is-refcounts.qcow2", "A11", "an L2 table that is the refcount table", lambda: l1(COPIED | 512), TABLES),
    Case("l2-unaligned.qcow2", "A11", "an L2 table between clusters", lambda: q.put(
        q.Builder(cluster_bits=16).hole().image(), 1 << 17, struct.pack(">Q", COPIED | 0x30200)), ENTRY),
    Case("data-is-l2.qcow2", "A11", "a cluster that is its own L2 table", lambda: l2(COPIED | L2_AT), ()),
    Case("data-is-header.qcow2", "A11", "a cluster that is the header", lambda: l2(COPIED | 1 << 62), ()),
    Case("data-shared.qcow2", "A11", "four clusters that are one", lambda: l2(*[COPIED | DATA_AT] * 4), ()),
    Case("data-unaligned.qcow2", "A11", "a cluster at an odd place", lambda: q.put(q.Builder(cluster_bits=16).standard(
        b"a" * 65536).image(), 3 << 16, struct.pack(">Q", COPIED | 0x30200)), ENTRY),
    Case("l1-is-refcounts.qcow2", "A11", "an L1 table that is the refcount table",
         lambda: qcow2(l1_table_offset=512), TABLES),
    Case("blocks-shared.vhd", "A11", "two blocks that are one", lambda: vhd_dynamic(
        table=struct.pack(">II", 4, 4).ljust(512, b"\xff"), data=bytes(2 * (512 + 4096))), OVERLAP),
    Case("block-is-header.vhd", "A11", "a block that is the footer's copy", lambda: vhd_dynamic(
        table=struct.pack(">II", 0, 1).ljust(512, b"\xff"), data=bytes(8192)), OVERLAP),
    Case("blocks-shared.vdi", "A11", "two blocks that are one", lambda: vdi.entries(vdi.vdi(), 0, 0, 0, 0), OVERLAP),
    Case("blocks-shared.vhdx", "A11", "two blocks that are one", lambda: vhdx_with(
        {vhdx.BAT: struct.pack("<QQ", vhdx.BLOCKS | 6, vhdx.BLOCKS | 6)}), OVERLAP),
    Case("block-is-header.vhdx", "A11", "a block that is the file's first MiB", lambda: vhdx_with(
        {vhdx.BAT: struct.pack("<Q", 6)}), ENTRY),
    Case("regions-overlap.vhdx", "A11", "a BAT that is the metadata region", lambda: both_tables(
        16 + 16, struct.pack("<Q", vhdx.METADATA)), HEADER),
    Case("grains-shared.vmdk", "A11", "seven grains that are one", _shared_grains, OVERLAP),
    Case("table-is-directory.vmdk", "A11", "a grain table that is the grain directory", lambda: _directory(
        lambda builder: builder.directory // 512), ENTRY),
    Case("table-is-header.vmdk", "A11", "a grain table that is the header's neighbour", lambda: _directory(
        lambda _builder: 1), CUT),
    Case("clusters-shared.qed", "A11", "two clusters that are one", lambda: h.qed(12288, 12288), ()),
    Case("l2-is-l1.qed", "A11", "an L2 table that is the L1 table", lambda: h.qed(first_l2=4096), ()),
    Case("clusters-shared.hdd", "A11", "two clusters that are one", lambda: h.parallels(1, 1), OVERLAP),
    Case("records-shared.zvhd2", "A11", "two blocks that are one record", _shared_records,
         ("image-zvhd-index",)),
]


def _directory(table) -> bytes:
    builder = vmdk.plain(redundant=False)
    return vmdk.put(builder.image(), builder.directory, struct.pack("<I", table(builder)))


def half(make) -> bytes:
    """Return the first half of a file."""
    file = make()
    return file[: len(file) // 2 // 512 * 512]


def _cut_vhd() -> bytes:
    whole = vhd.dynamic(b"a" * 32768, 4096)
    return whole[:16384] + whole[-512:]


TRUNCATED = [
    Case("empty.qcow2", "A12", "an empty file", lambda: b"", ("image-empty-file",)),
    Case("one-byte.qcow2", "A12", "a file of one byte", lambda: b"Q", ()),
    Case("magic.qcow2", "A12", "the magic number and no more", lambda: b"QFI\xfb", ()),
    Case("header.qcow2", "A12", "a header that is cut", lambda: q.plain()[:70], CUT),
    Case("tables.qcow2", "A12", "cut before the L2 table", lambda: q.plain()[:L2_AT], CUT),
    Case("data.qcow2", "A12", "cut inside the data", lambda: q.plain()[: DATA_AT + 512], CUT),
    Case("data-sparse.qcow2", "A12", "a cluster 1 TiB behind the end", lambda: l2(COPIED | TIB), CUT),
    Case("compressed.qcow2", "A12", "cut inside a compressed cluster", lambda: q.Builder(cluster_bits=16).compressed(
        q.dice(1).randbytes(60000).ljust(65536, b"\0")).image()[:-8192], CUT),
    Case("footer.vhd", "A12", "without its footer", lambda: vhd.dynamic(b"a" * 8192, 4096)[:-512],
         ("image-footer-missing",)),
    Case("blocks.vhd", "A12", "without half of its blocks", _cut_vhd, CUT),
    Case("fixed.vhd", "A12", "a fixed disk that is too short for its footer", lambda: vhd.footer(MIB).join(
        (bytes(4096), b"")), ("image-truncated",)),
    Case("data.vhdx", "A12", "cut inside the data", lambda: vhdx.Disk(
        blocks={0: (6, b"a" * MIB), 1: (6, b"b" * MIB)}).file().cut(5 * MIB), CUT),
    Case("header.vhdx", "A12", "cut behind the first header", lambda: vhdx.Disk().file().cut(128 * KIB), CUT),
    Case("data.vdi", "A12", "cut inside the data", lambda: vdi.vdi("abcd")[:-513], CUT),
    Case("map.vdi", "A12", "cut inside the header", lambda: vdi.vdi()[:300], CUT),
    Case("data.vmdk", "A12", "cut inside the grains", lambda: vmdk.plain().image()[:-4097], CUT),
    Case("footer.vmdk", "A12", "streamOptimized without its footer", lambda: vmdk.plain(
        compressed=True, footer=True).image()[:-1536], CUT),
    Case("tables.vmdk", "A12", "cut before the grain directory", lambda: vmdk.plain().image()[:10752], CUT),
    Case("stream.zvhd", "A12", "half of a ZVHD", partial(half, lambda: zvhd_files.streamed(
        zvhd_files.sparse_source())), CUT),
    Case("stream.zvhd2", "A12", "half of a ZVHD2", partial(half, lambda: zvhd_files.packed(
        zvhd_files.sparse_source())), CUT),
    Case("clusters.qed", "A12", "a cluster behind the end", lambda: h.qed(1 << 20), CUT),
    Case("clusters.qcow", "A12", "a cluster behind the end", lambda: h.qcow1(1 << 20), CUT),
    Case("clusters.hdd", "A12", "a cluster behind the end", lambda: h.parallels(1, 9), CUT),
    Case("disc.iso", "A12", "half of a disc", lambda: discs.disc(discs.primary(blocks=2400), discs.terminator()),
         ("image-iso-truncated",)),
    Case("descriptors.iso", "A12", "a disc that ends with its first descriptor",
         lambda: discs.disc(discs.primary(), size=17), ("image-iso-truncated",)),
    Case("disk.raw", "A12", "a partitioned disk without its last half", lambda: _cut_disk,
         ("image-gpt-past-end",)),
]


def _cut_disk(path) -> None:
    Gpt([Part(2048, 16383)]).write(Disk(9 * MIB)).save(path)
    with path.open("r+b") as file:
        file.truncate(4 * MIB)


CASES = [*BOMBS, *EDGES, *SUPERBLOCKS, *HUGE, *CYCLES, *TRUNCATED]
