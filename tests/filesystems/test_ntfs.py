from __future__ import annotations

import random
import struct
import subprocess
from typing import TYPE_CHECKING

import pyfsntfs
import pytest
from images.ntfs import write
from images.ntfsrecords import CLUSTER, RECORD, File, junction, reparse, sealed, symlink, system_compressed
from images.ntfsvolume import FIRST_FILE, MFT_START
from images.run import run
from mutating import visit_mutants
from tools import needs
from walking import differences, plant_sample

from imgbuild.filesystems import identify, open_filesystem
from imgbuild.filesystems.base import Stat
from imgbuild.filesystems.ntfs import open_ntfs
from imgbuild.readers import BrokenImage, Memory, check_range

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgbuild.filesystems.ntfs import NtfsFileSystem

UNIT, MFT = 16 * CLUSTER, MFT_START * CLUSTER
RNG = random.Random(20261128)  # noqa: S311 - content, no secret
TEXT = b"".join(RNG.choice((b"hello ", b"world\n", b"registry", b"aaaaaaaaaaaaaaaaaaaaaaaa")) for _ in range(30_000))
NOISE = RNG.randbytes(200_000)
FILES: dict[str, File] = {
    **{f"plain/{size}": File(NOISE[:size]) for size in (0, 1, 300, 499, 500, 501, 4095, 4096, 4097, 120_001)},
    **{f"compressed/{size}": File(TEXT[:size], "compressed") for size in (1, 2, 3, 17, 4096, 4097, UNIT, UNIT + 1,
                                                                          150_000)},
    "compressed/noise": File(NOISE, "compressed"),
    "compressed/holes": File(TEXT[:UNIT] + bytes(2 * UNIT) + NOISE[:UNIT] + TEXT[:100], "compressed"),
    "compressed/partly": File(b"".join(TEXT[at : at + 4096] + NOISE[at : at + 4096]
                                       for at in range(0, 100_000, 8192)), "compressed"),
    "sparse/start": File(bytes(3 * UNIT) + NOISE[:5], "sparse"),
    "sparse/end": File(NOISE[:5] + bytes(3 * UNIT), "sparse"),
    "sparse/between": File(NOISE[:UNIT] + bytes(UNIT) + NOISE[:UNIT], "sparse"),
    "scattered": File(NOISE[:150_001], "scattered"),
    "spread": File(NOISE[:150_001], "spread"),
    "zeros/some": File(NOISE[:5000], zeros=9000),
    "zeros/all": File(b"", zeros=9000),
    "streams/small": File(b"content", streams={"Zone.Identifier": b"[ZoneTransfer]"}),
    "streams/large": File(NOISE[:9000], streams={"a": NOISE[:5000], "z": b"z"}),
    "streams/only": File(b"", streams={"data": NOISE[:5000]}),
    "names/caf\u00e9 \U0001f600": File(b"smile"),
    "names/A long name.txt": File(b"long", short="ALONGN~1.TXT"),
    "names/" + "x" * 255: File(b"x"),
    "Windows/System32/config/SOFTWARE": File(NOISE[:4096]),
}
OTHERS: dict[str, File | None] = {
    "links/file": symlink("..\\plain\\300"), "links/root": symlink("\\??\\C:\\plain\\300", relative=False),
    "links/drive": symlink("\\??\\c:", relative=False), "links/other": symlink("\\??\\D:\\plain", relative=False),
    "links/server": symlink("\\??\\UNC\\server\\share", relative=False), "links/rooted": symlink("\\plain"),
    "links/junction": junction("\\??\\C:\\plain"),
    "links/volume": junction("\\??\\Volume{c0ffee00-0000-0000-0000-000000000000}\\"),
    "points/wof": system_compressed(12_345),
    "points/dedup": File(form="hole", zeros=70_000, point=reparse(0x80000013, bytes(8))),
    "points/cloud": File(form="hole", zeros=70_000, point=reparse(0x9000601A, bytes(8))),
    "points/unknown": File(form="hole", zeros=70_000, point=reparse(0x80001234, bytes(8))),
    "points/socket": File(point=reparse(0xA0000023 | 0x20000000, b"")),
    "points/folder": File(point=reparse(0x9000601A, bytes(8)), directory=True),
    "encrypted": File(NOISE[:5000], "encrypted"),
    "empty": None,
}
MANY = {f"many/{prefix}{number:04d}{'y' * (number % 70)}.dll": File(b"%d" % number)
        for number in range(1500) for prefix in ("a", "Z", "\u00e4")}


def expected(node: File) -> bytes:
    return node.data + bytes(node.zeros)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("ntfs") / "volume", 16, {**FILES, **OTHERS, **MANY})


@pytest.fixture(scope="module")
def files(volume: Path) -> NtfsFileSystem:
    return open_ntfs(Memory(volume.read_bytes()))


def test_every_file_has_the_bytes_that_were_put_in(files: NtfsFileSystem) -> None:
    for path, node in {**FILES, **MANY}.items():
        data = expected(node)
        assert (path, files.stat(f"/{path}")) == (path, Stat("file", len(data)))
        assert files.read(f"/{path}", 1 << 30) == data, path


@pytest.mark.parametrize("path", ["compressed/150000", "compressed/partly", "sparse/between", "spread", "scattered",
                                  "zeros/some", "plain/300"])
def test_parts_of_files(files: NtfsFileSystem, path: str) -> None:
    data = expected(FILES[path])
    for offset in (0, 1, 299, 4095, 4096, UNIT - 1, UNIT, len(data) - 1, len(data), 10**12):
        for limit in (0, 1, 4097, 10**9):
            assert files.read(f"/{path}", limit, offset) == data[offset : offset + limit]


@needs("ntfscat")
def test_ntfscat_reads_the_same(volume: Path) -> None:
    for path, node in FILES.items():
        done = subprocess.run(["ntfscat", "-q", volume, f"/{path}"], capture_output=True, check=True)
        assert done.stdout == expected(node), path


def test_libfsntfs_reads_the_same(volume: Path) -> None:
    other = pyfsntfs.volume()
    other.open(str(volume))
    for path, node in FILES.items():
        entry = other.get_file_entry_by_path("\\" + path.replace("/", "\\"))
        data = expected(node)
        assert (path, entry.size) == (path, len(data))
        assert not data or entry.read_buffer_at_offset(len(data), 0) == data
    folder = other.get_file_entry_by_path("\\many")
    names = [f"many/{folder.get_sub_file_entry(at).name}" for at in range(folder.number_of_sub_file_entries)]
    assert sorted(names) == sorted(MANY)


def test_listings_are_whole_and_leave_out_metadata_and_short_names(files: NtfsFileSystem) -> None:
    assert files.listdir("/many") == sorted(path.partition("/")[2] for path in MANY)
    assert files.listdir("/names") == sorted(path.partition("/")[2] for path in FILES if path.startswith("names/"))
    assert files.listdir("/") == sorted({path.partition("/")[0] for path in (*FILES, *OTHERS, *MANY)})
    assert files.listdir("/empty") == []


@pytest.mark.parametrize("path", [
    "/WINDOWS/system32/Config/software", "/windows//SYSTEM32/config/SOFTWARE", "/NAMES/CAF\u00c9 \U0001f600",
    "/names/alongn~1.txt", "/names/" + "X" * 255, "/MANY/\u00c40007" + "Y" * 7 + ".DLL", "/many/A0000.DLL",
    "/many/z1499" + "y" * 29 + ".dll",
])
def test_names_are_found_in_any_case(files: NtfsFileSystem, path: str) -> None:
    assert files.stat(path) is not None


@pytest.mark.parametrize("path", [
    "/nope", "/plain/nope", "/plain/300/x", "/many/a1500.dll", "/many/\u00e5", "/many/", "/Windows/System32/config/S",
    "/names/caf\u00e8", "/\ud800", "/links/junction/300", "/plain/..", "/points/socket/x",
])
def test_what_is_not_there(files: NtfsFileSystem, path: str) -> None:
    found = files.stat(path)
    assert found is None or (path == "/many/" and found.kind == "directory")


@pytest.mark.parametrize(("path", "target"), [
    ("file", "../plain/300"), ("root", "/plain/300"), ("drive", "/"), ("other", "\ufffd"), ("server", "\ufffd"),
    ("rooted", "/plain"), ("junction", "/plain"), ("volume", "\ufffd"),
])
def test_links_and_junctions(files: NtfsFileSystem, path: str, target: str) -> None:
    assert files.stat(f"/links/{path}") == Stat("link", 0)
    assert files.readlink(f"/links/{path}") == target


@pytest.mark.parametrize(("path", "size", "reason"), [
    ("/points/wof", 12_345, "compressed by the system (CompactOS)"), ("/points/dedup", 70_000, "deduplicated"),
    ("/points/cloud", 70_000, "kept in a cloud"), ("/points/unknown", 70_000, "behind the reparse point 0x80001234"),
    ("/encrypted", 5000, "encrypted"),
])
def test_content_that_is_elsewhere_is_named_and_never_other_bytes(files: NtfsFileSystem, path: str, size: int,
                                                                  reason: str) -> None:
    assert files.stat(path) == Stat("file", size)
    with pytest.raises(BrokenImage) as raised:
        files.read(path, 10)
    assert raised.value.problem.code == "filesystem-content-unreadable"
    assert reason in raised.value.problem.message


def test_reparse_points_without_content(files: NtfsFileSystem) -> None:
    assert files.stat("/points/socket") == Stat("other", 0)
    assert files.stat("/points/folder") == Stat("directory", 0)
    assert files.listdir("/points/folder") == []


@pytest.mark.parametrize("call", [
    lambda files: files.read("/plain", 1), lambda files: files.read("/nope", 1), lambda files: files.listdir("/spread"),
    lambda files: files.listdir("/links/junction"), lambda files: files.readlink("/spread"),
    lambda files: files.readlink("/nope"), lambda files: files.read("/links/file", 1),
    lambda files: files.readlink("/points/wof"),
])
def test_the_wrong_kind_is_not_found(files: NtfsFileSystem, call: Callable[[NtfsFileSystem], object]) -> None:
    with pytest.raises(FileNotFoundError):
        call(files)


def test_names_that_are_no_unicode_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "fs", 4, {"a": b"a", "b\ud800": b"b", "c": b"c"})
    files = open_ntfs(Memory(path.read_bytes()))
    assert files.listdir("/") == ["a", "c"]
    assert files.read("/c", 9) == b"c"


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    tree = {f"d/{name}": name.encode() for name in ("readme", "README", "Readme")}
    files = open_ntfs(Memory(write(tmp_path / "fs", 4, tree).read_bytes()))
    for name in ("readme", "README", "Readme"):
        assert files.read(f"/d/{name}", 99) == name.encode()
    assert files.read("/d/rEADME", 99).lower() == b"readme"


@pytest.mark.parametrize("dirty", [True, False])
def test_a_volume_that_was_not_unmounted_says_so(tmp_path: Path, dirty: bool) -> None:
    found = identify(Memory(write(tmp_path / "fs", 4, {"a": b"a"}, label="System", dirty=dirty).read_bytes()))
    assert found is not None
    assert (found.kind, found.uuid, found.label, found.clean, found.readable) == (
        "ntfs", "C0FFEE00C0FFEE00", "System", not dirty, True)


@needs("mkntfs", "wimlib-imagex")
@pytest.mark.parametrize("options", ["", "-c 512", "-c 65536", "-s 4096 -c 4096", "-c 2097152"])
def test_all_that_ntfs_3g_put_in_comes_out(tmp_path: Path, options: str) -> None:
    tree = plant_sample(tmp_path / "tree")
    for name in ("new\nline", "back\\slash", "absolute", "os-release", *(f"link-{size}" for size in (1, 59, 60, 61, 155,
                 156, 157, 255))):
        (tree / "etc" / name).unlink()
    run("wimlib-imagex", "capture", tree, tmp_path / "wim", "--compress=none")
    path = tmp_path / "fs"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    run("mkntfs", "-q", "-F", "-Q", *options.split(), path)
    run("wimlib-imagex", "apply", tmp_path / "wim", "1", path)
    assert differences(open_ntfs(Memory(path.read_bytes())), tree) == []


def patched(data: bytes, offset: int, new: bytes) -> Memory:
    return Memory(data[:offset] + new + data[offset + len(new) :])


@pytest.mark.parametrize(("offset", "new"), [
    (11, b"\0\0"), (11, b"\xff\xff"), (13, b"\0"), (13, b"\x81"), (13, b"\x03"), (64, b"\0"), (64, b"\x7f"),
    (48, b"\xff" * 8), (48, bytes(8)), (40, bytes(8)), (MFT, b"BAAD"),
    (MFT + 22, b"\0\0"), (MFT + 20, b"\xff\xff"), (MFT + 4, b"\xff\xff"), (MFT + 510, b"xx"),
    (MFT + 5 * RECORD + 510, b"xx"), (MFT + 5 * RECORD, b"FILX"), (MFT + 5 * RECORD + 56, b"\xff" * 4),
])
def test_volumes_that_make_no_sense(volume: Path, offset: int, new: bytes) -> None:
    with pytest.raises(BrokenImage) as raised:
        open_ntfs(patched(volume.read_bytes(), offset, new)).listdir("/")
    assert raised.value.problem.code in {"filesystem-damaged", "truncated"}


def record_of(path: str, tree: dict[str, object]) -> int:
    """Return the place of the file record of a file: they are numbered in the order of the tree."""
    places: list[str] = []
    for name in tree:
        parts = name.split("/")
        places += [folder for count in range(1, len(parts) + 1) if (folder := "/".join(parts[:count])) not in places]
    return MFT + (FIRST_FILE + places.index(path)) * RECORD


def data_in(raw: bytes) -> int:
    return raw.index(b"\x80\0\0\0")


@pytest.mark.parametrize("change", [
    lambda raw: raw[: data_in(raw) + 64] + b"\xf1" + raw[data_in(raw) + 65 :],
    lambda raw: raw[:16] + b"\x09\0" + raw[18:], lambda raw: raw[:22] + b"\0\0" + raw[24:],
    lambda raw: raw[:32] + b"\x05" + raw[33:],
])
def test_a_file_whose_record_is_damaged_is_not_missing(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    tree = {"a": b"a", "file": NOISE[:50_000], "z": b"z"}
    data = write(tmp_path / "fs", 4, tree).read_bytes()
    place = record_of("file", dict(tree))
    raw = bytearray(data[place : place + RECORD])
    data = data[:place] + change(bytes(raw)) + data[place + RECORD :]
    files = open_ntfs(Memory(data))
    with pytest.raises(BrokenImage):
        files.read("/file", 1 << 20)
    assert files.read("/z", 9) == b"z"


def test_an_index_that_leads_in_a_circle(tmp_path: Path) -> None:
    tree = {f"{number:04d}{'n' * 60}": b"" for number in range(200)}
    data = bytearray(write(tmp_path / "fs", 4, tree).read_bytes())
    blocks = [at for at in range(0, len(data), CLUSTER) if data[at : at + 4] == b"INDX"]
    top = max(blocks, key=lambda at: int.from_bytes(data[at + 16 : at + 24], "little"))
    block = bytearray(data[top : top + CLUSTER])
    end = 24 + int.from_bytes(block[28:32], "little")
    block[end - 8 : end] = block[16:24]  # the last child is the block itself
    data[top : top + CLUSTER] = sealed(bytes(_unsealed(block)))
    files = open_ntfs(Memory(bytes(data)))
    for call in (lambda: files.listdir("/"), lambda: files.stat("/zzzz")):
        with pytest.raises(BrokenImage, match="circle"):
            call()


def _unsealed(block: bytearray) -> bytearray:
    place, count = struct.unpack_from("<HH", block, 4)
    for index in range(1, count):
        block[index * 512 - 2 : index * 512] = block[place + 2 * index : place + 2 * index + 2]
    return block


def test_a_cut_volume_is_read_as_far_as_it_goes(volume: Path) -> None:
    data = volume.read_bytes()
    files = open_ntfs(Memory(data[: len(data) // 2]))
    assert files.read("/plain/300", 999) == NOISE[:300]
    with pytest.raises(BrokenImage) as raised:
        open_ntfs(Memory(data[: MFT + 512]))
    assert raised.value.problem.code == "truncated"


def test_a_lookup_in_a_large_folder_reads_little(volume: Path) -> None:
    class Counting(Memory):
        read = 0

        def read_at(self, offset: int, length: int) -> bytes:
            check_range(self.size, offset, length, "it")
            self.read += length
            return super().read_at(offset, length)

    reader = Counting(volume.read_bytes())
    open_ntfs(reader).stat("/many/a0700.dll")
    assert reader.read < 200_000


def test_mutants(tmp_path: Path) -> None:
    tree = {path: node for path, node in {**FILES, **OTHERS}.items() if not path.startswith("compressed/")}
    tree |= {"compressed": File(TEXT[:5000], "compressed"), **dict(list(MANY.items())[:200])}
    visit_mutants(write(tmp_path / "fs", 4, tree).read_bytes(), "ntfs", 200)


def test_the_reader_is_found_by_its_kind(volume: Path) -> None:
    assert open_filesystem(Memory(volume.read_bytes()), "ntfs").kind == "ntfs"
