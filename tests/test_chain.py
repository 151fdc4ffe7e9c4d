"""Chains of parents: what ends one, what is never opened for one, and what a person sees of it."""

from __future__ import annotations

import os

import pytest
import qcow2_images as q
import vdi_images as vdi
import vhd_writer as vhd
import vhdx_writer as vhdx
import vmdk_images as vmdk
from chains import read
from program import run

from imgbuild.chain import MOST_PARENTS
from imgbuild.folder import MOST_PARTS, open_folder

BACKING_FORMAT = 0xE2792ACA


def qcow2(name: str, form: str | None = "qcow2") -> bytes:
    """Return a qcow2 over the file of that name, whose every sector is the parent's."""
    builder = q.Builder()
    for _ in range(8):
        builder.hole()
    image = q.patch(builder.image(), backing_file_offset=256, backing_file_size=len(name.encode()))
    area = q.extension(BACKING_FORMAT, form.encode()) if form else b""
    return q.put(q.put(image, 112, area + bytes(8)), 256, name.encode())


def vmdk_delta(name: str, cid: str = "12345678") -> bytes:
    words = vmdk.text('RW 32 SPARSE "top.vmdk"').replace("parentCID=ffffffff", f"parentCID={cid}")
    return vmdk.plain("....", descriptor=words + f'parentFileNameHint="{name}"\n').image()


def vhdx_delta(name: str) -> bytes:
    locator = vhdx.parent_locator({"parent_linkage": "{13121110-1514-1716-1819-1a1b1c1d1e1f}", "relative_path": name})
    disk = vhdx.Disk(flags=vhdx.HAS_PARENT, extra_items=[(vhdx.PARENT_LOCATOR, locator, vhdx.IS_REQUIRED)]).file()
    return disk.read_at(0, disk.size)


def vhd_delta(name: str) -> bytes:
    return vhd.delta({}, 8192, path=name)


DELTAS = [("qcow2", qcow2, "backing-file"), ("vmdk", vmdk_delta, "backing-file"), ("vhd", vhd_delta, "differencing"),
          ("vhdx", vhdx_delta, "differencing")]
FORMATS = pytest.mark.parametrize(("ending", "delta", "code"), DELTAS, ids=[row[0] for row in DELTAS])


@pytest.fixture
def folder(tmp_path):
    """A folder with links and a FIFO, and secrets beside it and below it."""
    (tmp_path / "secret").write_bytes(vhd.fixed(b"s" * 8192))
    home = tmp_path / "images"
    (home / "sub").mkdir(parents=True)
    (home / "sub" / "secret").write_bytes(vhd.fixed(b"s" * 8192))
    (home / "link").symlink_to("../secret")
    os.mkfifo(home / "fifo")
    return home


@FORMATS
@pytest.mark.parametrize(("name", "said"), [
    ("../secret", "external-outside"), ("/etc/passwd", "external-outside"), ("sub/secret", "external-outside"),
    ("..\\secret", "external-outside"), ("C:\\secret", "external-outside"), ("link", "external-outside"),
    ("..", "external-outside"), (".", "external-outside"), ("json:{}", "external-outside"),
    ("nbd:localhost:1", "external-outside"), ("http://localhost/", "external-outside"),
    ("fifo", "external-missing"), ("sub", "external-missing"), ("gone", "external-missing")])
def test_what_is_not_a_plain_file_of_the_folder_is_never_opened(ending, delta, code, name, said, folder, monkeypatch):
    path = folder / f"top.{ending}"
    path.write_bytes(delta(name))
    real, opened = os.open, []

    def noting(where, *flags, **more):
        descriptor = real(where, *flags, **more)
        opened.append(where)
        return descriptor

    monkeypatch.setattr(os, "open", noting)
    monkeypatch.setattr(os, "supports_dir_fd", {noting})
    found = read(path)
    assert (found.content, found.codes) == (None, [code, said])
    assert set(opened) - {str(path), path, str(folder)} <= {"fifo", "sub"}  # seen to be no files, and closed


@FORMATS
def test_a_parent_that_is_the_delta_itself_is_a_circle(ending, delta, code, tmp_path):
    name = f"top.{ending}"
    (tmp_path / name).write_bytes(delta(name))
    found = read(tmp_path / name)
    assert (found.content, found.codes) == (None, [code, "external-cycle"])
    assert found.messages[1] == (f"'{name}' is named as a parent, but it is in the chain already: the chain leads in a"
                                 " circle")


def test_a_circle_is_seen_through_other_names_of_a_file(tmp_path):
    (tmp_path / "one").write_bytes(qcow2("two"))
    (tmp_path / "two").write_bytes(qcow2("three"))
    os.link(tmp_path / "one", tmp_path / "three")
    assert read(tmp_path / "one").codes == ["backing-file", "external-cycle", "backing-file"]


def test_a_vdi_that_is_its_own_parent_is_a_circle(tmp_path):
    own = bytes(range(16))
    (tmp_path / "top.vdi").write_bytes(vdi.patch(vdi.vdi(), image_type=4, uuid_link=own, uuid_image=own))
    assert read(tmp_path / "top.vdi").codes == ["differencing", "external-cycle"]


@pytest.mark.parametrize(("parents", "content"), [(MOST_PARENTS, b"\xb5" * 4096), (MOST_PARENTS + 1, None)])
def test_a_chain_has_at_most_32_parents(parents, content, tmp_path):
    (tmp_path / "disk0").write_bytes(b"\xb5" * 4096)
    for number in range(1, parents + 1):
        (tmp_path / f"disk{number}").write_bytes(qcow2(f"disk{number - 1}", "raw" if number == 1 else "qcow2"))
    found = read(tmp_path / f"disk{parents}")
    assert found.content == content
    assert ("external-too-many" in found.codes) is (content is None)


@pytest.mark.parametrize(("form", "base", "code"), [
    ("raw", q.plain(), "parent-mismatch"), ("qcow2", b"\xb5" * 4096, "parent-mismatch"),
    ("nonsense", b"\xb5" * 4096, "parent-mismatch"), ("raw", b"", "empty-file"),
    ("qcow2", b"QFI\xfb" + bytes(64), "unsupported-version")])
def test_a_backing_file_must_be_of_the_format_that_is_said(form, base, code, tmp_path):
    (tmp_path / "base").write_bytes(base)
    (tmp_path / "top.qcow2").write_bytes(qcow2("base", form))
    assert (read(tmp_path / "top.qcow2").content, read(tmp_path / "top.qcow2").codes) == (None, ["backing-file", code])


def test_without_a_format_the_content_decides(tmp_path):
    (tmp_path / "top.qcow2").write_bytes(qcow2("base", None))
    (tmp_path / "base").write_bytes(vhd.fixed(b"v" * 4096))
    assert read(tmp_path / "top.qcow2").content == b"v" * 4096


def test_what_a_parent_objects_to_is_said_with_its_name(tmp_path):
    (tmp_path / "base").write_bytes(q.patch(q.plain(), crypt_method=1))
    (tmp_path / "top.qcow2").write_bytes(qcow2("base"))
    found = read(tmp_path / "top.qcow2")
    assert (found.content, found.codes) == (None, ["backing-file", "encrypted"])
    assert found.messages[1].startswith("'base': crypt_method is 1")


def test_names_are_quoted_in_messages(tmp_path):
    (tmp_path / "top.qcow2").write_bytes(qcow2("\x1b[31mred"))
    assert read(tmp_path / "top.qcow2").messages[1].startswith("'\\x1b[31mred', a part of the disk, cannot be opened")


def test_a_parent_is_looked_for_among_512_files_that_are_closed_again(tmp_path):
    for number in range(MOST_PARTS + 1):
        (tmp_path / f"{number:04}.vdi").write_bytes(bytes([number % 256]))
    before = len(os.listdir("/proc/self/fd"))
    asked = []
    with open_folder(str(tmp_path / "x")) as home, pytest.raises(Exception, match=r"none of the \.vdi files"):
        home.find(".vdi", lambda file: asked.append(file.size))
    assert (len(asked), len(os.listdir("/proc/self/fd"))) == (MOST_PARTS, before)


# The same through the command line


def inspected(path, *words: str):
    return run("inspect", path, *words, "--format", "json", folder=path.parent).document


@pytest.mark.parametrize(("ending", "delta", "code"), [*DELTAS, ("vdi", lambda _name: vdi.patch(
    vdi.vdi("........"), image_type=4, uuid_image=b"c" * 16, uuid_link=bytes(range(16))), "differencing")],
    ids=[*(row[0] for row in DELTAS), "vdi"])
def test_the_command_reads_parents_only_when_it_is_allowed(ending, delta, code, tmp_path):
    bases = {"qcow2": b"\xb5" * 4096, "vmdk": vmdk.plain("abcd").image(), "vhd": vhd.fixed(b"b" * 8192),
             "vdi": vdi.vdi("abcdefgh")}
    base, top = tmp_path / f"base.{ending}", tmp_path / f"top.{ending}"
    if ending == "vhdx":
        vhdx.Disk().file().save(base)
    else:
        base.write_bytes(bases[ending])
    top.write_bytes(qcow2("base.qcow2", "raw") if ending == "qcow2" else delta(f"base.{ending}"))
    shut, allowed = inspected(top), inspected(top, "--allow-external", "--run-facts")
    assert [found["code"] for found in shut["problems"]] == [code]
    codes = {found["code"] for found in allowed["problems"]} - {"extension-contradicted"}
    assert codes == {"external-parts-read", "nothing-inside"}
    assert (allowed["size"], allowed["virtual_size"]) == (shut["size"], shut["virtual_size"])
    assert allowed["run"]["qemu"]["failure"] in {"not-asked", None}
    if {"fork", "rlimits"} < set(allowed["run"]["sandbox"]):
        assert "seccomp" in allowed["run"]["sandbox"]


def test_a_guest_is_found_over_a_chain(disk, tmp_path):
    import subprocess  # noqa: PLC0415 - this test only

    from tools import find_tool  # noqa: PLC0415 - as above

    if find_tool("qemu-img") is None:
        pytest.skip("qemu-img is not installed: apt install qemu-utils")
    (tmp_path / "base.raw").symlink_to(disk("gpt-uefi-ext4"))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "top.qcow2"], check=True,
                   cwd=tmp_path)
    linked = inspected(tmp_path / "top.qcow2", "--allow-external")
    assert [found["code"] for found in linked["problems"]] == ["backing-file", "external-outside"]
    (tmp_path / "base.raw").unlink()
    os.link(disk("gpt-uefi-ext4"), tmp_path / "base.raw")
    facts = inspected(tmp_path / "top.qcow2", "--allow-external")
    assert (facts["os"]["id"], facts["partition_table"]) == ("debian", "gpt")
    assert [found["code"] for found in facts["problems"]] == ["external-parts-read"]


@pytest.mark.parametrize("change", ["write", "replace"])
def test_a_parent_that_is_changed_while_it_is_read_is_said(change, tmp_path, monkeypatch):
    from imgbuild import examination, inspection, looking  # noqa: PLC0415 - this test only
    from imgbuild.settings import Settings  # noqa: PLC0415 - as above

    base = tmp_path / "base"
    base.write_bytes(b"\xb5" * 4096)
    (tmp_path / "top.qcow2").write_bytes(qcow2("base", "raw"))
    real = inspection.chain.complete

    def complete(*words):
        found = real(*words)
        (tmp_path / "other").write_bytes(b"\xb6" * 4096)
        (tmp_path / "other").replace(base) if change == "replace" else base.write_bytes(b"\xb6" * 4096)
        return found

    monkeypatch.setattr(inspection.chain, "complete", complete)
    monkeypatch.setattr(looking.sandbox.child, "_confinement", lambda: lambda *_: ())  # it writes
    monkeypatch.setattr(looking.sandbox.child, "limit", lambda _: None)
    found = examination.inspect(str(tmp_path / "top.qcow2"), Settings(checksums=None, allow_external=True)).problems
    assert [(problem.code, problem.message) for problem in found if problem.code == "changed"] == [
        ("changed", "'base' was changed or replaced while it was read")]
