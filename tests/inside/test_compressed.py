"""A compressed image says the same as the image, and nothing where it could not be read to its end."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import SAMPLES
from images.run import run
from packers import ENDINGS, PROGRAMS, packed
from tools import needs

import imgbuild
from imgbuild.commands.program import program
from imgbuild.documents.inspection import Inside
from imgbuild.formats import COMPRESSED
from imgbuild.inside import compressed, kept, streams
from imgbuild.model import encode
from imgbuild.reports.escape import visible
from imgbuild.settings import Settings
from imgbuild.sizes import MIB

pytestmark = needs(*PROGRAMS)
QUICK = Settings(checksums=None)
IMAGE = SAMPLES / "debian-12-tiny.qcow2"
# The facts of the file around it are others, and so is what is only there for a file.
SAME = [name for name in Inside.__struct_fields__ if name not in {"name", "offset", "size", "checksums"}]


def write(folder, name, data, stem="disk.qcow2", *words):
    path = folder / f"{stem}{ENDINGS[name]}"
    path.write_bytes(packed(name, data, *words))
    return path


def codes(facts):
    return [found.code for found in facts.problems]


def said(facts, code):
    return next(found.message for found in facts.problems if found.code == code)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("settings", [Settings(), QUICK], ids=["whole", "quick"])
def test_the_image_inside_is_as_it_is_outside(tmp_path, name, settings):
    alone = imgbuild.inspect(str(IMAGE), settings)
    facts = imgbuild.inspect(str(write(tmp_path, name, IMAGE.read_bytes())), settings)
    assert (facts.format, facts.virtual_size, codes(facts)) == (name, None, ["compressed"])
    [image] = facts.inside
    assert {field: getattr(image, field) for field in SAME} == {field: getattr(alone, field) for field in SAME}
    assert (image.name, image.offset, image.size) == (None, None, alone.size)
    assert image.checksums == alone.checksums
    assert facts.checksums is None or facts.checksums != alone.checksums


def test_the_message_says_what_is_inside_and_how_to_get_it_out(tmp_path):
    facts = imgbuild.inspect(str(write(tmp_path, "xz", IMAGE.read_bytes())), QUICK)
    assert said(facts, "compressed") == (
        "the file is compressed with xz; inside is a qcow2 with a disk of 2 GiB (Debian GNU/Linux 12 (bookworm)),"
        f" 576 KiB; decompress it first: 'xz -dk {tmp_path}/disk.qcow2.xz'")


@pytest.mark.parametrize(("file", "name", "command"), [
    ("disk.img.gz", "gzip", "gunzip -k disk.img.gz"), ("a b.GZ", "gzip", "gunzip -k 'a b.GZ'"),
    ("disk.tgz", "gzip", "gunzip -k disk.tgz"), ("disk.img", "gzip", "gunzip -c disk.img > OUT"),
    ("disk.txz", "xz", "xz -dk disk.txz"), ("disk.gz", "xz", "xz -dc disk.gz > OUT"),
    ("disk.zst", "zstd", "zstd -d disk.zst"), ("disk", "zstd", "zstd -dc disk > OUT"),
    ("disk.bz2", "bzip2", "bzip2 -dk disk.bz2"), ("-x.bz2", "bzip2", "bzip2 -dk ./-x.bz2")])
def test_the_command_does_it(tmp_path, monkeypatch, file, name, command):
    """The command of the message is run, and keeps the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_bytes(packed(name, b"content" * 512))
    facts = imgbuild.inspect(f"./{file}" if file.startswith("-") else file, QUICK)
    assert f"decompress it first: '{command}'" in said(facts, "compressed")
    subprocess.run(command, shell=True, check=True, capture_output=True)  # noqa: S602 - what a person would type
    assert {path.read_bytes() for path in tmp_path.iterdir() if path.name != file} == {b"content" * 512}
    assert (tmp_path / file).exists()


@pytest.mark.parametrize("command", ["build", "check", "inspect"])
def test_no_request_is_made_of_it(tmp_path, command):
    path = write(tmp_path, "gzip", IMAGE.read_bytes())
    done = CliRunner().invoke(program, [command, "--no-checksum", str(path)], prog_name="imgbuild")
    assert done.exit_code == (0 if command == "inspect" else 1)
    assert "gunzip -k" in done.output
    assert "min_disk" not in done.output


@needs("qemu-img")
@pytest.mark.parametrize(("format_name", "words", "quick_format"), [
    ("raw", (), None), ("vpc", ("-o", "subformat=fixed,force_size=on"), None),
    ("vpc", ("-o", "subformat=dynamic,force_size=on"), "vhd"), ("vmdk", ("-o", "subformat=streamOptimized"), "vmdk"),
    ("vhdx", (), "vhdx"), ("vdi", (), "vdi"), ("qcow2", (), "qcow2")])
def test_a_header_is_known_without_the_rest(tmp_path, format_name, words, quick_format):
    """With --no-checksum only the beginning is unpacked: a raw disk and a fixed VHD begin alike."""
    raw, disk = tmp_path / "raw", tmp_path / "disk"
    raw.write_bytes(random.Random(4).randbytes(9 * MIB) + bytes(7 * MIB))  # noqa: S311 - the same noise each time
    run("qemu-img", "convert", "-f", "raw", "-O", format_name, *words, raw, disk)
    path = write(tmp_path, "gzip", disk.read_bytes(), "disk.img")
    [image] = imgbuild.inspect(str(path), QUICK).inside
    assert (image.format, image.virtual_size) == (quick_format, 16 * MIB if quick_format else None)
    assert (image.size, image.checksums, image.os) == (None, None, None)
    [image] = imgbuild.inspect(str(path), Settings(checksums=("sha1",))).inside
    assert (image.format, image.virtual_size) == ({"vpc": "vhd"}.get(format_name, format_name), 16 * MIB)
    assert image.checksums == {"sha1": hashlib.sha1(disk.read_bytes(), usedforsecurity=False).hexdigest()}


@pytest.mark.parametrize(("name", "words"), [("xz", ()), ("zstd", ("--stream-size=4194816",))])
def test_a_size_that_is_written_down_is_known_without_the_rest(tmp_path, monkeypatch, name, words):
    monkeypatch.setattr(compressed, "_HEAD_BYTES", MIB)
    path = write(tmp_path, name, bytes(4 * MIB + 512), "disk.raw", *words)
    facts = imgbuild.inspect(str(path), QUICK)
    assert (facts.inside[0].size, facts.inside[0].format) == (4 * MIB + 512, None)
    assert facts.container == {"uncompressed_size": 4 * MIB + 512}


def test_an_image_with_more_data_than_is_held_is_looked_at_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed, "Kept", lambda: kept.Kept(4 * kept.BLOCK))
    monkeypatch.setattr(kept, "_LAST_BLOCKS", 1)
    path = write(tmp_path, "gzip", IMAGE.read_bytes())
    facts = imgbuild.inspect(str(path), Settings(checksums=("md5",)))
    [image] = facts.inside
    assert (image.format, image.virtual_size, image.size) == ("qcow2", 2048 * MIB, IMAGE.stat().st_size)
    assert (image.os, image.partitions, image.guest) == (None, (), ())
    assert image.checksums == {"md5": hashlib.md5(IMAGE.read_bytes(), usedforsecurity=False).hexdigest()}
    assert codes(facts) == ["compressed", "inside-unread"]


def test_what_did_not_come_out_whole_has_no_checksum_and_no_size(tmp_path):
    path = write(tmp_path, "gzip", IMAGE.read_bytes())
    path.write_bytes(path.read_bytes()[:-2000])
    facts = imgbuild.inspect(str(path))
    assert (codes(facts), facts.inside[0].format) == (["compressed", "truncated"], "qcow2")
    assert (facts.inside[0].checksums, facts.inside[0].size, facts.inside[0].os) == (None, None, None)


def test_a_bomb_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MOST_FROM_NOTHING", MIB)
    path = write(tmp_path, "bzip2", bytes(9 * MIB), "disk.raw")
    facts = imgbuild.inspect(str(path))
    assert codes(facts) == ["compressed", "decompression-limit"]
    assert (facts.inside[0].size, facts.inside[0].checksums) == (None, None)


def test_what_a_header_asks_for_is_found_inside(tmp_path):
    """A backing file is as much a danger in a compressed file, also where only the header was read."""
    header = bytearray(IMAGE.read_bytes())
    header[8:20] = (0x200).to_bytes(8, "big") + (11).to_bytes(4, "big")
    header[0x200:0x20B] = b"/etc/passwd"
    path = write(tmp_path, "xz", bytes(header))
    for settings in (QUICK, Settings()):
        facts = imgbuild.inspect(str(path), settings)
        assert "backing-file" in codes(facts)
        assert said(facts, "backing-file").startswith("inside: ")


def test_the_name_inside_is_compared_with_the_content(tmp_path):
    facts = imgbuild.inspect(str(write(tmp_path, "gzip", IMAGE.read_bytes(), "disk.raw")), QUICK)
    assert said(facts, "extension-contradicted").startswith("inside: the name ends in '.raw', but the content is qcow2")


def test_compressed_twice_is_named_and_no_more(tmp_path):
    facts = imgbuild.inspect(str(write(tmp_path, "xz", packed("gzip", IMAGE.read_bytes()), "disk.qcow2.gz")), QUICK)
    assert [image.format for image in facts.inside] == ["gzip"]
    assert "inside is a gzip" in said(facts, "compressed")


def test_formats_that_only_are_named_are_not_looked_into(tmp_path):
    (tmp_path / "disk.lz4").write_bytes(b"\x04\x22\x4d\x18".ljust(512, b"\0"))
    facts = imgbuild.inspect(str(tmp_path / "disk.lz4"), QUICK)
    assert (facts.format, codes(facts)) == ("lz4", ["compressed"])
    assert "inside" not in encode(facts).decode()
    assert set(COMPRESSED) == set(PROGRAMS)


@pytest.mark.skipif(sys.platform == "darwin", reason="there, names of files are UTF-8")
@pytest.mark.parametrize(("stem", "typed"), [
    (b"n\xff.qcow2", r"'gunzip -k $'n\xff.qcow2.gz''"), (b"a\xff'\\\n", r"'gunzip -k $'a\xff\'\\\n.gz''"),
    (b"-\xff", r"'gunzip -k $'./-\xff.gz''")])
def test_a_name_that_is_no_utf_8_can_be_typed(tmp_path, monkeypatch, stem, typed):
    """Bash gets the very bytes of it."""
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(stem + b".gz")
    Path(name).write_bytes(packed("gzip", IMAGE.read_bytes()))
    facts = imgbuild.inspect(name, QUICK)
    assert (codes(facts)[0], facts.inside[0].format) == ("compressed", "qcow2")
    message = said(facts, "compressed")
    assert visible(message).endswith(typed)
    word = message.partition("gunzip -k ")[2].removesuffix("'")
    told = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert told.removeprefix(b"./") == stem + b".gz"


@pytest.mark.parametrize(("name", "wrong"), [("xz", "disk.qcow2.gz"), ("gzip", "disk.qcow2.zst")])
def test_the_name_of_another_packer_is_wrong_once(tmp_path, name, wrong):
    """What is inside is not blamed for it."""
    (tmp_path / wrong).write_bytes(packed(name, IMAGE.read_bytes()))
    assert codes(imgbuild.inspect(str(tmp_path / wrong), QUICK)) == ["extension-mismatch", "compressed"]
