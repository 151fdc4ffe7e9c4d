"""A9, A17 and A21: what is packed, put together or locked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from functools import cache, partial

import lvm_writer
import qcow2_images as q
import vmdk_images as vmdk
import zvhd_files
from hostile import headers as h
from hostile.case import Case, Content, sparse
from hostile.cases.references import FLAT_PASSWD, embedded
from table_writer import Disk, Gpt, Part

MIB = 1 << 20
BOMB, PACKED, ARCHIVE, LOCKED = (("image-decompression-bomb",), ("image-compressed",), ("image-archive",),
                                 ("image-encrypted",))
LIMIT = ("image-decompression-limit",)
DAMAGED, INSIDE = ("image-compressed-cluster-invalid",), ("ims-encrypted-content",)


@cache
def zeros(size: int, window: int = -12, flush: int = zlib.Z_FINISH) -> bytes:
    """Return zeros, deflated a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return packer.compress(bytes(size)) + packer.flush(flush)


def frame(size: int, *, window: int = 0x68, last: bool = True) -> bytes:
    """Return a zstd frame of ``size`` zeros, 32,768 for each of its bytes; ``window`` is the window descriptor."""
    blocks = -(-size // (128 << 10))
    block = (1 << 1 | 128 << 10 << 3).to_bytes(3, "little") + b"\0"
    end = (last | 1 << 1 | 1 << 3).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\0" + bytes([window]) + block * blocks + end


def qcow2(packed: bytes, *, zstd: bool = False, cluster_bits: int = 16) -> bytes:
    """Return a qcow2 whose first cluster is ``packed``."""
    builder = q.Builder(cluster_bits=cluster_bits, compression_type=int(zstd))
    return builder.compressed(bytes(1 << cluster_bits), packed).image() + bytes(1024)


def zvhd2(packed: bytes, method: int) -> bytes:
    return zvhd_files.packed(zvhd_files.holey(1, (0,), 2 * MIB), payloads=[packed], compress_method=method)


def _long_grain() -> bytes:
    builder = vmdk.plain("a", compressed=True)
    image = builder.image()
    return vmdk.put(image, builder.places[0] * 512 + 8, b"\xff\xff\xff\xff")


def _large_dictionary() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26, "preset": 0}]
    data = bytearray(lzma.compress(bytes(MIB), filters=filters))
    data[16] = 40  # the block header's only property: a dictionary of 4 GiB - 1
    data[20:24] = zlib.crc32(data[12:20]).to_bytes(4, "little")
    return bytes(data)


def _bomb_in_tar() -> bytes:
    entry = tarfile.TarInfo("disk.raw")
    entry.size = 8 << 30
    return gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(32 * MIB), mtime=0)


def _endless_map() -> bytes:
    """Return a header of GNU tar's sparse format, and blocks of its map, each of which says that one more follows."""
    header = tarfile.TarInfo("disk.raw")
    header.type = tarfile.GNUTYPE_SPARSE
    head = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + (bytes(504) + b"\1" + bytes(7)) * 4000


THROUGH = ("--checksum", "sha256")
"""What is inside is then unpacked and hashed to its end; --no-checksum looks at its beginning alone."""

BOMBS = [
    Case("bomb.qcow2", "A9", "a cluster of 64 KiB that inflates to 32 MiB", lambda: qcow2(zeros(32 * MIB)), BOMB),
    Case("bomb-2-mib.qcow2", "A9", "a cluster of 2 MiB that inflates to 32 MiB",
         lambda: qcow2(zeros(32 * MIB), cluster_bits=20), BOMB),
    Case("bomb-zstd.qcow2", "A9", "a cluster of 64 KiB that is 1 GiB of zstd",
         lambda: qcow2(frame(1 << 30), zstd=True), BOMB),
    Case("bomb-window.qcow2", "A9", "a zstd frame that wants a window of 3.75 TiB",
         lambda: qcow2(frame(1 << 16, window=0xFF), zstd=True), DAMAGED),
    Case("bomb-size.qcow2", "A9", "a zstd frame that says it has 2**63 bytes", lambda: qcow2(
        b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 63) + frame(1 << 16)[6:], zstd=True), DAMAGED),
    Case("bomb-endless.qcow2", "A9", "a zstd frame without an end",
         lambda: qcow2(frame(1 << 30, last=False), zstd=True), BOMB),
    Case("bomb-skippable.qcow2", "A9", "a skippable zstd frame of 4 GiB",
         lambda: qcow2(struct.pack("<II", 0x184D2A50, 0xFFFFFFFF), zstd=True), DAMAGED),
    Case("bomb-nothing.qcow2", "A9", "a cluster that inflates to nothing", lambda: qcow2(q.deflate(b"")), DAMAGED),
    Case("bomb-rubbish.qcow2", "A9", "a cluster that is no deflate stream", lambda: qcow2(b"\xff" * 512), DAMAGED),
    Case("bomb.vmdk", "A9", "a grain of 64 KiB that inflates to 32 MiB", lambda: vmdk.Builder(
        [bytes(32 * MIB)], grain_sectors=128, capacity=128, compressed=True).image(), DAMAGED),
    Case("bomb-length.vmdk", "A9", "a grain that says it has 4 GiB of compressed data", _long_grain,
         ("image-truncated",)),
    Case("bomb.zvhd", "A9", "a block of 2 MiB that inflates to 32 MiB", lambda: zvhd_files.streamed(
        zvhd_files.holey(1, (0,), 2 * MIB), payloads=[zeros(32 * MIB, 15, zlib.Z_SYNC_FLUSH)]), BOMB),
    Case("bomb.zvhd2", "A9", "a block of 2 MiB that inflates to 32 MiB",
         lambda: zvhd2(zeros(32 * MIB, 15, zlib.Z_SYNC_FLUSH), 0), BOMB),
    Case("bomb-zstd.zvhd2", "A9", "a block of 2 MiB that is 1 GiB of zstd", lambda: zvhd2(frame(1 << 30), 1), BOMB),
    Case("bomb-window.zvhd2", "A9", "a zstd frame that wants a window of 3.75 TiB",
         lambda: zvhd2(frame(2 * MIB, window=0xFF), 1), ("image-zvhd-block-damaged",)),
    Case("bomb.raw.gz", "A9", "gzip of 32 MiB of zeros", lambda: gzip.compress(bytes(32 * MIB), mtime=0), PACKED,
         words=THROUGH),
    Case("bomb.raw.zst", "A9", "zstd of 1 GiB of zeros", lambda: frame(1 << 30), (*PACKED, *LIMIT),
         words=THROUGH),
    Case("bomb-endless.zst", "A9", "zstd of 1 GiB of zeros without an end", lambda: frame(1 << 30, last=False),
         (*PACKED, *LIMIT), words=THROUGH),
    Case("bomb-window.zst", "A9", "a zstd frame that wants a window of 3.75 TiB", lambda: frame(MIB, window=0xFF),
         (*PACKED, "image-inside-unread")),
    Case("bomb-window.xz", "A9", "xz with a dictionary of 1.5 GiB", _large_dictionary, PACKED),
    Case("bomb-streams.gz", "A9", "100,000 members of gzip without content",
         lambda: gzip.compress(b"", mtime=0) * 100_000, (*PACKED, "image-compressed-damaged")),
    Case("bomb-skippable.zst", "A9", "50,000 skippable frames", lambda: b"\x50\x2a\x4d\x18\0\0\0\0" * 7
         + frame(512) + b"\x50\x2a\x4d\x18\0\0\0\0" * 50_000, PACKED),
    Case("bomb.tar.gz", "A9", "gzip of a tar archive whose disk is 8 GiB of holes", _bomb_in_tar, PACKED),
    Case("bomb.raw.xz", "A9", "xz of 160 MiB of zeros", lambda: lzma.compress(bytes(32 * MIB), preset=0) * 5,
         (*PACKED, *LIMIT), words=THROUGH),
    Case("bomb.raw.bz2", "A9", "bzip2 of 160 MiB of zeros", lambda: bz2.compress(bytes(32 * MIB)) * 5,
         (*PACKED, *LIMIT), words=THROUGH),
    Case("bomb.raw.gz.gz", "A9", "gzip of gzip of 32 MiB of zeros", lambda: gzip.compress(
        gzip.compress(bytes(32 * MIB), mtime=0), mtime=0), PACKED),
    Case("bomb-map.tar", "A9", "a sparse entry whose map goes on for ever", _endless_map, ARCHIVE),
    Case("bomb.ova", "A9", "an OVA whose disk is 8 GiB of holes", lambda: _sparse_ova, ("image-ova-package",)),
    Case("bomb.zip", "A9", "zip of 32 MiB of zeros", lambda: zipped(("disk.raw", bytes(32 * MIB))), ARCHIVE),
]


def _sparse_ova(path) -> None:
    head = tarred(("disk.ovf", b"<Envelope/>"))[:1024]
    block = tarfile.TarInfo("disk.vmdk")
    block.size = 8 << 30
    sparse((8 << 30) + 8192, at_0=head, at_1024=block.tobuf(tarfile.GNU_FORMAT))(path)


def tarred(*entries: tuple[str, bytes | str], kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a tar archive; an entry whose content is text is a link to it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = (tarfile.SYMTYPE if kind == tarfile.REGTYPE else kind), content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


OVF = ("disk.ovf", b"<Envelope/>")
OVA, UNSAFE = ("image-ova-package",), ("image-archive-unsafe-entry",)


def _large_entry() -> bytes:
    entry = tarfile.TarInfo("disk.raw")
    entry.size = 1 << 62
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


ARCHIVES = [
    Case("link.tar", "A17", "a link to /etc/passwd", lambda: tarred(("disk.raw", "/etc/passwd")), ARCHIVE),
    Case("hard-link.tar", "A17", "a hard link to /etc/passwd",
         lambda: tarred(("disk.raw", "/etc/passwd"), kind=tarfile.LNKTYPE), ARCHIVE),
    Case("dots.tar", "A17", "../../etc/passwd", lambda: tarred(("../../etc/passwd", b"x")), (*ARCHIVE, *UNSAFE)),
    Case("absolute.tar", "A17", "/etc/passwd", lambda: tarred(("/etc/passwd", b"x")), (*ARCHIVE, *UNSAFE)),
    Case("size.tar", "A17", "an entry of 2**62 bytes", _large_entry, (*ARCHIVE, "image-truncated")),
    Case("disk.tar", "A17", "a VMDK of /etc/passwd in a tar archive", lambda: tarred(("disk.vmdk", FLAT_PASSWD)),
         (*ARCHIVE, "image-external-extent")),
    Case("backing.tar.gz", "A17", "the same, compressed", lambda: gzip.compress(
        tarred(("disk.vmdk", FLAT_PASSWD)), mtime=0), (*PACKED, "image-external-extent")),
    Case("two-disks.ova", "A17", "two disks", lambda: tarred(OVF, ("a.vmdk", FLAT_PASSWD), ("b.vmdk", FLAT_PASSWD)),
         (*OVA, "image-external-extent")),
    Case("link.ova", "A17", "a disk that is a link", lambda: tarred(OVF, ("disk.vmdk", "/etc/passwd")),
         (*OVA, *UNSAFE)),
    Case("dots.ova", "A17", "a disk outside the folder", lambda: tarred(OVF, ("../../disk.vmdk", FLAT_PASSWD)),
         (*OVA, *UNSAFE)),
    Case("twice.ova", "A17", "one name twice", lambda: tarred(OVF, ("disk.vmdk", b"a"), ("disk.vmdk", b"b")),
         (*OVA, *UNSAFE)),
    Case("entity.ova", "A17", "a descriptor with an entity of /etc/passwd", lambda: tarred(
        ("disk.ovf", b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><Envelope>&y;</Envelope>')),
         (*OVA, "image-ova-descriptor-invalid")),
    Case("elsewhere.ova", "A17", "a descriptor that names a file in a network", lambda: tarred(
        ("disk.ovf", b'<Envelope><References><File id="f" href="http://169.254.169.254/x"/></References></Envelope>')),
         (*OVA, "image-ova-incomplete")),
    Case("manifest.ova", "A17", "a manifest of /etc/passwd", lambda: tarred(
        OVF, ("disk.mf", b"SHA256(/etc/passwd)= " + b"0" * 64)), (*OVA, "image-ova-incomplete")),
    Case("dots.zip", "A17", "../../etc/passwd", lambda: zipped(("../../etc/passwd", b"x")), ARCHIVE),
    Case("named.qcow2", "A17", "a tar archive named .qcow2", lambda: tarred(("disk.raw", "/etc/passwd")), ARCHIVE),
    Case("disk.cpio", "A17", "cpio", lambda: b"070701" + b"0" * 104 + b"TRAILER!!!\0", ARCHIVE),
    Case("disk.7z", "A17", "7-Zip whose header is at 2**64 - 1", lambda: b"7z\xbc\xaf\x27\x1c\0\4" + b"\xff" * 24,
         ARCHIVE),
]


def in_partition(data: bytes) -> Content:
    """Return a partitioned disk whose partition begins with ``data``."""
    return Gpt([Part(2048, 4095)]).write(Disk(4 * MIB)).write(MIB, data)


def luks(version: int) -> bytes:
    return (b"LUKS\xba\xbe" + version.to_bytes(2, "big")).ljust(4096, b"\0")


def in_volume(data: bytes) -> Content:
    """Return a disk with an LVM2 volume that begins with ``data``."""
    text = lvm_writer.group(lvm_writer.volume("root", lvm_writer.striped(0, 2, ("pv0", 0))))
    return lvm_writer.physical_volume(text).write(MIB, data)


BITLOCKER, TO_GO = b"\xeb\x58\x90-FVE-FS-".ljust(4096, b"\0"), (
    b"\xeb\x58\x90MSWIN4.1".ljust(424, b"\0") + bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")).ljust(4096, b"\0")
LOCKED_UP = [
    Case("aes.qcow2", "A21", "AES", lambda: q.patch(q.plain(), crypt_method=1), LOCKED),
    Case("aes-v2.qcow2", "A21", "AES, version 2", lambda: q.patch(q.plain(2), crypt_method=1), LOCKED),
    Case("luks.qcow2", "A21", "LUKS", lambda: q.patch(q.put(q.plain(), 112, q.extension(
        0x0537BE77, struct.pack(">QQ", 1024, 592))), crypt_method=2), LOCKED),
    Case("unknown.qcow2", "A21", "crypt_method 2**32 - 1", lambda: q.patch(q.plain(), crypt_method=0xFFFFFFFF), LOCKED),
    Case("aes.qcow", "A21", "AES, version 1", lambda: h.qcow1(crypt=1), LOCKED),
    Case("luks1.img", "A21", "LUKS1 on the whole disk", partial(luks, 1), LOCKED),
    Case("luks2.img", "A21", "LUKS2 on the whole disk", partial(luks, 2), LOCKED),
    Case("bitlocker.img", "A21", "BitLocker on the whole disk", lambda: BITLOCKER, LOCKED),
    Case("luks1-partition.raw", "A21", "LUKS1 in a partition", lambda: in_partition(luks(1)), INSIDE),
    Case("luks2-partition.raw", "A21", "LUKS2 in a partition", lambda: in_partition(luks(2)), INSIDE),
    Case("bitlocker-partition.raw", "A21", "BitLocker in a partition", lambda: in_partition(BITLOCKER), INSIDE),
    Case("bitlocker-to-go.raw", "A21", "BitLocker To Go in a partition", lambda: in_partition(TO_GO), INSIDE),
    Case("luks-volume.raw", "A21", "LUKS in a logical volume", lambda: in_volume(luks(2)), INSIDE),
    Case("key-safe.vmdk", "A21", "a VMDK with a key safe", lambda: embedded(
        'RW 56 SPARSE "disk.vmdk"', 'encryption.keySafe = "vmware:key/list/(pair/(null))"'), LOCKED),
]

CASES = [*BOMBS, *ARCHIVES, *LOCKED_UP]
