"""A1, A2 and A3: images whose disk is, in part, another file that they name."""

from __future__ import annotations

import struct

import qcow2_images as q
import vdi_images as vdi
import vhd_writer as vhd
import vhdx_writer as vhdx
import vmdk_images as vmdk
from hostile import headers as h
from hostile.case import CANARY, Case, Content

BACKING, DATA, OUTSIDE = ("image-backing-file",), ("image-external-data-file",), ("image-external-extent",)
PLACE = 256  # in the first cluster, behind header and extensions
BACKING_FORMAT, DATA_FILE = 0xE2792ACA, 0x44415441
PASSWD = b"/etc/passwd"
JSON = b'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}'


def backed(name: bytes, *, version: int = 3, at: int = PLACE, length: int | None = None, area: bytes = b"") -> bytes:
    """Return a sound qcow2 that names a backing file; ``area`` are header extensions."""
    image = q.patch(q.plain(version), backing_file_offset=at, backing_file_size=len(name) if length is None else length)
    image = q.put(image, 112 if version == 3 else 72, area) if area else image
    return q.put(image, PLACE, name)


def external(name: bytes | None = None, *, bit: bool = False, raw: bool = False, version: int = 3) -> bytes:
    """Return a qcow2 with the data file bit, the extension that names the file, or both."""
    image = q.plain(version)
    if version == 3:
        image = q.patch(image, incompatible_features=4 * bit, autoclear_features=2 * raw)
    area = b"" if name is None else q.extension(DATA_FILE, name)
    return q.put(image, 112 if version == 3 else 72, area + bytes(8))


BACKING_FILES = [
    Case("backing-relative.qcow2", "A1", "a file beside it", lambda: backed(CANARY.encode()), BACKING),
    Case("backing-relative-v2.qcow2", "A1", "a file beside it, version 2",
         lambda: backed(CANARY.encode(), version=2), BACKING),
    Case("backing-absolute.qcow2", "A1", "/etc/passwd", lambda: backed(PASSWD), BACKING),
    Case("backing-absolute-v2.qcow2", "A1", "/etc/passwd, version 2", lambda: backed(PASSWD, version=2), BACKING),
    Case("backing-format-raw.qcow2", "A1", "/etc/passwd as raw, so that any file will do",
         lambda: backed(PASSWD, area=q.extension(BACKING_FORMAT, b"raw")), BACKING),
    Case("backing-dots.qcow2", "A1", "../../../../etc/passwd", lambda: backed(b"../../../../etc/passwd"), BACKING),
    Case("backing-json.qcow2", "A1", "json: with a driver of its own", lambda: backed(JSON), BACKING),
    Case("backing-json-v2.qcow2", "A1", "json:, version 2", lambda: backed(JSON, version=2), BACKING),
    Case("backing-nbd.qcow2", "A1", "nbd: to a port of the host", lambda: backed(b"nbd:127.0.0.1:10809"), BACKING),
    Case("backing-http.qcow2", "A1", "http: to the metadata service",
         lambda: backed(b"http://169.254.169.254/latest/meta-data"), BACKING),
    Case("backing-fd.qcow2", "A1", "a descriptor of the reader", lambda: backed(b"/dev/fd/0"), BACKING),
    Case("backing-device.qcow2", "A1", "a device of the host", lambda: backed(b"/dev/vda"), BACKING),
    Case("backing-no-name.qcow2", "A1", "an offset and no name", lambda: backed(b""), BACKING),
    Case("backing-name-too-long.qcow2", "A1", "a name of 4 GiB", lambda: backed(b"x", length=0xFFFFFFFF), BACKING),
    Case("backing-name-past-end.qcow2", "A1", "a name behind the end of the file",
         lambda: backed(b"x", at=1 << 40), BACKING),
    Case("backing-name-wraps.qcow2", "A1", "a name at 2**64 - 1", lambda: backed(b"x", at=(1 << 64) - 1), BACKING),
    Case("backing-name-zero.qcow2", "A1", "a name with a zero in it",
         lambda: backed(b"disk.raw\0/etc/passwd"), BACKING),
    Case("backing-absolute.qed", "A1", "/etc/passwd", lambda: h.qed(features=1, content=PASSWD), BACKING),
    Case("backing-raw.qed", "A1", "/etc/passwd, not to be probed", lambda: h.qed(features=5, content=PASSWD), BACKING),
    Case("backing-past-end.qed", "A1", "a name behind the end of the file",
         lambda: h.qed(features=1, name=0xFFFFFFFF, length=0xFFFFFFFF), BACKING),
    Case("backing-absolute.qcow", "A1", "/etc/passwd, version 1", lambda: h.qcow1(content=PASSWD, name=64), BACKING),
    Case("backing-json.qcow", "A1", "json:, version 1", lambda: h.qcow1(content=JSON, name=64), BACKING),
    Case("backing-past-end.qcow", "A1", "a name behind the end of the file, version 1",
         lambda: h.qcow1(name=1 << 63, length=1 << 31), BACKING),
]

DATA_FILES = [
    Case("data-file-bit.qcow2", "A2", "the bit, and no name", lambda: external(bit=True), DATA),
    Case("data-file-extension.qcow2", "A2", "the name, and no bit", lambda: external(PASSWD), DATA),
    Case("data-file-both.qcow2", "A2", "bit and name: /etc/passwd", lambda: external(PASSWD, bit=True), DATA),
    Case("data-file-relative.qcow2", "A2", "bit and name: a file beside it",
         lambda: external(CANARY.encode(), bit=True), DATA),
    Case("data-file-json.qcow2", "A2", "json: as the name (CVE-2024-4467)", lambda: external(JSON, bit=True), DATA),
    Case("data-file-raw.qcow2", "A2", "the name, and the bit for raw data files",
         lambda: external(PASSWD, bit=True, raw=True), DATA),
    Case("data-file-raw-bit.qcow2", "A2", "the bit for raw data files alone", lambda: external(raw=True), DATA),
    Case("data-file-v2.qcow2", "A2", "the name in version 2, which has no bit",
         lambda: external(PASSWD, version=2), DATA),
    Case("data-file-empty.qcow2", "A2", "an empty name", lambda: external(b"", bit=True), DATA),
    Case("data-file-twice.qcow2", "A2", "two names", lambda: q.put(external(bit=True), 112, q.extension(
        DATA_FILE, b"disk.raw") + q.extension(DATA_FILE, PASSWD)), DATA),
    Case("data-file-and-backing.qcow2", "A2", "a data file and a backing file", lambda: q.patch(
        q.put(external(PASSWD, bit=True), PLACE, PASSWD), backing_file_offset=PLACE, backing_file_size=11),
        (*DATA, *BACKING)),
]


def embedded(*lines: str, create_type: str = "monolithicSparse") -> bytes:
    """Return a sparse extent with this descriptor inside."""
    return vmdk.plain(descriptor=vmdk.text(*lines, create_type=create_type)).image()


def alone(*lines: str, create_type: str = "monolithicFlat") -> bytes:
    """Return a descriptor without an extent around it."""
    return vmdk.text(*lines, create_type=create_type).encode()


def with_parent(image: bytes, hint: str, cid: str = "12345678") -> bytes:
    """Return the image whose descriptor names a parent."""
    text = vmdk.text('RW 56 SPARSE "disk.vmdk"').replace("parentCID=ffffffff", f"parentCID={cid}")
    return q.put(image, 512, (text + f'parentFileNameHint="{hint}"\n').encode())


FLAT_PASSWD = alone('RW 100 FLAT "/etc/passwd" 0')
SELF = 'RW 56 SPARSE "disk.vmdk"'
EXTENTS = [
    Case("extent-flat-passwd.vmdk", "A3", "a stand-alone descriptor: FLAT /etc/passwd",
         lambda: alone('RW 100 FLAT "/etc/passwd" 0'), OUTSIDE),
    Case("extent-flat-beside.vmdk", "A3", "a stand-alone descriptor: a file beside it",
         lambda: alone(f'RW 14 FLAT "{CANARY}" 0'), OUTSIDE),
    Case("extent-flat-dots.vmdk", "A3", "a stand-alone descriptor: ../",
         lambda: alone('RW 100 FLAT "../../../etc/passwd" 0'), OUTSIDE),
    Case("extent-sparse-elsewhere.vmdk", "A3", "a stand-alone descriptor: SPARSE in another folder",
         lambda: alone('RW 100 SPARSE "/srv/other.vmdk"', create_type="twoGbMaxExtentSparse"), OUTSIDE),
    Case("extent-device.vmdk", "A3", "a stand-alone descriptor: a device",
         lambda: alone('RW 100 FLAT "/dev/sda" 0', create_type="fullDevice"), OUTSIDE),
    Case("extent-vmfs.vmdk", "A3", "a stand-alone descriptor: VMFS",
         lambda: alone('RW 100 VMFS "/etc/passwd"', create_type="vmfs"), OUTSIDE),
    Case("extent-raw-device-map.vmdk", "A3", "a stand-alone descriptor: VMFSRDM",
         lambda: alone('RW 100 VMFSRDM "/dev/sda"', create_type="vmfsRawDeviceMap"), OUTSIDE),
    Case("extent-nbd.vmdk", "A3", "a stand-alone descriptor: nbd:",
         lambda: alone('RW 100 FLAT "nbd:127.0.0.1:10809" 0'), OUTSIDE),
    Case("extent-json.vmdk", "A3", "a stand-alone descriptor: json:",
         lambda: alone("""RW 100 FLAT "json:{'driver':'file','filename':'/etc/passwd'}" 0"""), OUTSIDE),
    Case("extent-windows.vmdk", "A3", "a stand-alone descriptor: a share on the network",
         lambda: alone('RW 100 FLAT "\\\\\\\\host\\\\share\\\\x" 0'), OUTSIDE),
    Case("extent-behind-comments.vmdk", "A3", "a descriptor that begins with comments",
         lambda: b"# nothing here\n" * 20 + alone('RW 100 FLAT "/etc/passwd" 0'), OUTSIDE),
    Case("extent-embedded-elsewhere.vmdk", "A3", "a FLAT extent in an embedded descriptor",
         lambda: embedded('RW 56 FLAT "/etc/passwd" 0', create_type="monolithicFlat"), OUTSIDE),
    Case("extent-embedded-flat-sparse.vmdk", "A3", "a FLAT extent under createType monolithicSparse",
         lambda: embedded('RW 56 FLAT "/etc/passwd" 0'), OUTSIDE),
    Case("extent-embedded-two.vmdk", "A3", "two sparse extents", lambda: embedded(SELF, 'RW 56 SPARSE "/etc/passwd"'),
         OUTSIDE),
    Case("extent-embedded-second.vmdk", "A3", "a sparse extent, then a flat one",
         lambda: embedded(SELF, 'RW 56 FLAT "/etc/passwd" 0'), OUTSIDE),
    Case("extent-embedded-zero.vmdk", "A3", "a sparse extent, then zeros",
         lambda: embedded(SELF, "RW 56 ZERO"), OUTSIDE),
    Case("extent-embedded-custom.vmdk", "A3", "createType custom", lambda: embedded(SELF, create_type="custom"),
         OUTSIDE),
    Case("extent-embedded-hidden.vmdk", "A3", "an extent after a carriage return", lambda: embedded(
        SELF + '\rRW 56 FLAT "/etc/passwd" 0'), ("image-vmdk-descriptor-invalid",)),
    Case("extent-parent.vmdk", "A3", "parentFileNameHint", lambda: with_parent(vmdk.plain().image(), "/etc/passwd"),
         BACKING),
    Case("extent-parent-no-cid.vmdk", "A3", "parentFileNameHint, and a parentCID that says there is none",
         lambda: with_parent(vmdk.plain().image(), "/etc/passwd", "ffffffff"), BACKING),
    Case("extent-parent-comment.vmdk", "A3", "parentFileNameHint in a comment, which qemu obeys",
         lambda: embedded(SELF, '# parentFileNameHint="/etc/passwd"'), BACKING),
    Case("extent-allowed-absolute.vmdk", "A3", "--allow-external, an absolute name",
         lambda: alone('RW 100 FLAT "/etc/passwd" 0'), ("image-external-outside",), words=("--allow-external",)),
    Case("extent-allowed-dots.vmdk", "A3", "--allow-external, ../",
         lambda: alone('RW 100 FLAT "../passwd" 0'), ("image-external-outside",), words=("--allow-external",)),
    Case("extent-allowed-link.vmdk", "A3", "--allow-external, a link beside it to /etc/passwd",
         lambda: _beside_link, ("image-external-outside",), words=("--allow-external",),
         beside=("link",)),
    Case("extent-allowed-fifo.vmdk", "A3", "--allow-external, a FIFO beside it",
         lambda: _beside_fifo, ("image-external-missing",), words=("--allow-external",), beside=("pipe",)),
    Case("extent-allowed-itself.vmdk", "A3", "--allow-external, its own descriptor as a sparse extent",
         lambda: alone('RW 100 SPARSE "extent-allowed-itself.vmdk"', create_type="twoGbMaxExtentSparse"),
         ("image-header-invalid",), words=("--allow-external",)),
    Case("extent-allowed-many.vmdk", "A3", "--allow-external, 1,000 files", lambda: alone(
        *(f'RW 8 FLAT "f{number}" 0' for number in range(1000))), ("image-external-missing",),
        words=("--allow-external",), beside=("f0",)),
]


def _beside_link(path) -> None:
    (path.parent / "link").symlink_to("/etc/passwd")
    path.write_bytes(alone('RW 100 FLAT "link" 0'))


def _beside_fifo(path) -> None:
    import os  # noqa: PLC0415 - this case only

    os.mkfifo(path.parent / "pipe")
    path.write_bytes(alone('RW 100 FLAT "pipe" 0'))


def vhdx_child() -> Content:
    """Return a differencing VHDX whose parent is an absolute path and a relative one."""
    locator = vhdx.parent_locator({"absolute_win32_path": "C:\\Windows\\win.ini", "relative_path": "..\\..\\passwd",
                                   "parent_linkage": "{83ed0ec3-24c8-49a6-a959-5e4bd1288791}"})
    return vhdx.Disk(flags=vhdx.HAS_PARENT, extra_items=[(vhdx.PARENT_LOCATOR, locator, vhdx.IS_REQUIRED)]).file()


PARENTS = [
    Case("parent.vhd", "A3", "a differencing VHD over /etc/passwd", lambda: vhd.differencing("/etc/passwd"),
         ("image-differencing",)),
    Case("parent-empty.vhd", "A3", "a differencing VHD without a name", lambda: vhd.differencing(""),
         ("image-differencing",)),
    Case("parent-locators.vhd", "A3", "a differencing VHD whose locator points past the end", lambda: vhd.patch(
        vhd.differencing("x"), {512 + 576: struct.pack(">4sIIIQ", b"W2ku", 0xFFFFFFFF, 0xFFFFFFFF, 0, (1 << 64) - 1)}),
        ("image-differencing",)),
    Case("parent.vhdx", "A3", "a differencing VHDX", vhdx_child, ("image-differencing",)),
    Case("parent-flag.vhdx", "A3", "a VHDX with the flag and no locator",
         lambda: vhdx.Disk(flags=vhdx.HAS_PARENT).file(), ("image-differencing",)),
    Case("parent.vdi", "A3", "a differencing VDI", lambda: vdi.patch(
        vdi.vdi(), image_type=4, uuid_parent=b"\1" * 16), ("image-differencing",)),
    Case("parent-uuid.vdi", "A3", "a dynamic VDI with the UUID of a parent", lambda: vdi.patch(
        vdi.vdi(), uuid_parent=b"\1" * 16), ("image-differencing",)),
    Case("parent-undo.vdi", "A3", "an undo VDI", lambda: vdi.patch(vdi.vdi(), image_type=3),
         ("image-differencing",)),
]

CASES = [*BACKING_FILES, *DATA_FILES, *EXTENTS, *PARENTS]
