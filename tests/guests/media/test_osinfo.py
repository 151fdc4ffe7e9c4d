"""The osinfo database: a small one of our own, and the real one as a second witness of our table of names."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from medialabels import ROWS, header
from tools import needs

from imgbuild.documents.inspection import Inspection
from imgbuild.guests.media import osinfo, volume, xmltree

OS = """<?xml version="1.0"?>
<libosinfo version="0.0.1">
  <os id="http://{vendor}/{distro}/{version}">
    <name>{name}</name><name xml:lang="de">Anders</name>
    <version>{version}</version><family>{family}</family><distro>{distro}</distro>
    {media}
  </os>
</libosinfo>
"""
MEDIA = '<media arch="{arch}"><iso>{fields}</iso></media>'


def media(arch="x86_64", **fields):
    inner = "".join(f"<{name.replace('_', '-')}>{text}</{name.replace('_', '-')}>" for name, text in fields.items())
    return MEDIA.format(arch=arch, fields=inner)


@pytest.fixture
def database(tmp_path):
    """Write a database of systems and return its folder."""
    def write(*systems):
        for number, values in enumerate(systems):
            usual = {"vendor": "example.com", "distro": "haiku", "version": "1", "name": "Haiku R1", "family": "haiku"}
            folder = tmp_path / f"vendor{number}"
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.xml").write_text(OS.format(**(usual | values)))
        return str(tmp_path)

    return write


def test_the_system_whose_media_look_like_the_disc(database):
    folder = database({"media": media(volume_id="haiku-r1~beta\\d-x86_64")},
                      {"media": media(volume_id="^other"), "distro": "other"})
    found = osinfo.identify(header("haiku-r1~beta3-x86_64"), folder)
    assert (found.type, found.id, found.version, found.name) == ("Other", "haiku", "1", "Haiku R1")
    assert (found.architecture, found.source) == ("x86_64", "osinfo database, http://example.com/haiku/1")


@pytest.mark.parametrize(("expected", "values"), [
    (("Linux", "arch", None), {"distro": "archlinux", "version": "", "family": "linux"}),
    (("Windows", "windows", "2016"), {"distro": "win", "version": "10.0", "family": "winnt",
                                      "name": "Microsoft Windows Server 2016"}),
    (("Windows", "windows", "8.1"), {"distro": "win", "version": "6.3", "family": "winnt",
                                     "name": "Microsoft Windows 8.1"}),
    (("Linux", "rhel", "9"), {"distro": "rhel", "version": "9-unknown", "family": "linux"}),
    (("Linux", "debian", None), {"distro": "debian", "version": "testing", "family": "linux"}),
])
def test_its_words_become_ours(expected, values, database):
    found = osinfo.identify(header("X1"), database({"media": media(volume_id="X1"), **values}))
    assert (found.type, found.id, found.version) == expected


def test_all_fields_that_it_names_must_fit(database):
    folder = database({"media": media(volume_id="^MY", application_id="MAKER")})
    assert osinfo.identify(header("MY_DISC", "MAKER 3"), folder).id == "haiku"
    assert osinfo.identify(header("MY_DISC"), folder) is None
    assert osinfo.identify(header("MY_DISC", "ELSE"), folder) is None


def test_a_disc_that_fits_several_systems_is_none_of_them(database):
    folder = database({"media": media(volume_id="^MY")}, {"media": media(volume_id="DISC$"), "version": "2"})
    assert osinfo.identify(header("MY_DISC"), folder) is None
    assert osinfo.identify(header("MY_ELSE"), folder).version == "1"


def test_media_for_several_machines_name_none(database):
    folder = database({"media": media("x86_64", volume_id="^MY") + media("i686", volume_id="^MY")})
    assert osinfo.identify(header("MY_DISC"), folder).architecture is None
    assert osinfo.identify(header("MY_DISC amd64"), folder).architecture == "x86_64"


@pytest.mark.parametrize("broken", [
    "", "<libosinfo>", "<libosinfo><os id='a'><media><iso><volume-id>(</volume-id></iso></media></os></libosinfo>",
    "<libosinfo><os id='a'><media><iso></iso></media><media/></os></libosinfo>",
    "<!DOCTYPE a [<!ENTITY e 'MY'>]><a><os id='a'><media><iso><volume-id>&e;</volume-id></iso></media></os></a>",
])
def test_a_file_that_is_broken_is_passed_over(broken, database, tmp_path):
    folder = database({"media": media(volume_id="^MY")})
    (tmp_path / "vendor0" / "broken.xml").write_text(broken)
    assert osinfo.identify(header("MY_DISC"), folder).id == "haiku"


def test_without_a_database_nothing_is_known(tmp_path):
    assert osinfo.identify(header("MY_DISC"), str(tmp_path / "none")) is None
    (tmp_path / "file").write_text("")
    assert osinfo.identify(header("MY_DISC"), str(tmp_path / "file")) is None


@pytest.mark.parametrize(("asked", "changes"), [
    (True, {}), (False, {"format": "raw"}), (False, {"os": volume.identify(header("Debian 12.5.0 amd64 n"))}),
    (False, {"container": {"volume_id": "MY_DISC", "boot_platforms": ["bios"], "medium": "rescue system"}}),
    (False, {"container": {"volume_id": "MY_DISC", "boot_platforms": []}}),
    (False, {"container": {"volume_id": "ELSE", "boot_platforms": ["bios"]}}),
])
def test_it_is_asked_where_nobody_else_knows_the_disc(asked, changes, database):
    folder = database({"media": media(volume_id="^MY")})
    image = Inspection(path="x.iso", size=1, format="iso",
                       container={"volume_id": "MY_DISC", "boot_platforms": ["bios"], "medium": None})
    image = msgspec.structs.replace(image, **changes)
    found = osinfo.supplement(image, folder)
    assert (found != image) is asked
    if asked:
        assert (found.os.id, found.container["medium"]) == ("haiku", "installation medium")
        assert found.os.source == "installation medium, osinfo database, http://example.com/haiku/1"


# What the database calls otherwise than os-release does.
ALIASES = {"alt": "altlinux", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse", "ucs": "univention",
           "slem": "sle-micro"}


@needs("/usr/share/osinfo/os")
def test_the_database_and_our_table_do_not_contradict_each_other(monkeypatch):
    documents = [Path(path).read_bytes() for path in osinfo._files(osinfo.FOLDER)]
    loaded = [([pattern.decode() for pattern in osinfo._PATTERNS.findall(data)], next(xmltree.parse(data).all("os")))
              for data in documents if b"<iso>" in data]
    monkeypatch.setattr(osinfo, "_systems", lambda _folder, label: (
        root for patterns, root in loaded if any(osinfo._may_fit(pattern, label) for pattern in patterns)))
    known = 0
    for row in ROWS[::2]:
        ours, theirs = volume.identify(header(*row[3:])), osinfo.identify(header(*row[3:]))
        if ours is None or theirs is None:
            continue
        known += 1
        assert ALIASES.get(ours.id, ours.id) == ALIASES.get(theirs.id, theirs.id), row
        if ours.version and theirs.version:
            numbers = [version.split(".") for version in (ours.version, theirs.version)]
            width = min(map(len, numbers))
            assert numbers[0][:width] == numbers[1][:width], row
    assert known > 25


@needs("/usr/share/osinfo/os")
def test_few_files_of_the_database_are_parsed():
    """The literal beginnings of its patterns sort out nearly all of them."""
    everything = sum(1 for _ in osinfo._files(osinfo.FOLDER))
    assert everything > 500
    assert sum(1 for _ in osinfo._systems(osinfo.FOLDER, "MY_DISC")) < everything / 4
