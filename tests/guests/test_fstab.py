"""fstab(5): fields, escapes, lines that are none."""

from __future__ import annotations

import pytest

from imgbuild.guests.fstab import Entry, parse


def test_the_fields_have_their_names():
    text = "# comment\n\nUUID=1234 /boot  ext4\tdefaults,noatime 0 2\n"
    assert parse(text) == (Entry("UUID=1234", "/boot", "ext4", ("defaults", "noatime"), 3),)


def test_missing_fields_are_as_the_manual_says():
    assert parse("/dev/sda1 /") == (Entry("/dev/sda1", "/", "auto", ("defaults",), 1),)


def test_escapes():
    entry = parse(r"LABEL=my\040disk /mnt/my\011tab\134 ext4 defaults 0 0")[0]
    assert (entry.spec, entry.file) == ("LABEL=my disk", "/mnt/my\ttab\\")


@pytest.mark.parametrize(("line", "point"), [
    ("/dev/sda1 / ext4", "/"), ("/dev/sda1 /boot/ ext4", "/boot"), ("/dev/sda1 //boot//efi vfat", "/boot/efi"),
    ("/dev/sda1 /a/../boot ext4", "/boot"), ("/dev/sda1 /../../boot ext4", "/boot"), ("/dev/sda1 none swap sw", None),
    ("/dev/sda1 swap swap", None), ("/dev/sda1 /swap swap", None), ("/dev/sda1 relative ext4", None),
    ("tmpfs /run tmpfs", "/run"),
])
def test_mount_points(line, point):
    assert parse(line)[0].mount_point == point


@pytest.mark.parametrize("line", ["", "#/dev/sda1 / ext4", "  # x y", "lonely", "\x00"])
def test_lines_that_are_no_entries(line):
    assert parse(line) == ()


def test_carriage_returns_are_blanks():
    assert parse("/dev/sda1 / ext4 ro\r\n")[0].options == ("ro",)


def test_256_entries_are_taken_and_no_more():
    assert len(parse("/dev/sda1 /a ext4\n" * 256)) == 256
    assert len(parse("/dev/sda1 /a ext4\n" * 257)) == 256
