"""Which system a guest is: by os-release, by older files, by nothing at all, and with hostile ones."""

from __future__ import annotations

import random

import distro
import pytest
from casefiles import load
from growth import growth
from phony import Link, PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests import linux
from imgbuild.readers import BrokenImage

CASES = load()


def identify(files, **more):
    return linux.identify(GuestTree(PhonyFileSystem(files, **more)))


def elf(machine, bits=64, order="little"):
    head = b"\x7fELF" + bytes((bits // 32, 1 if order == "little" else 2, 1)) + bytes(9)
    return head + (3).to_bytes(2, order) + machine.to_bytes(2, order) + bytes(44)


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_release_files_of_real_systems(case):
    system = identify(case.files)
    assert (system.id, system.version, system.release, system.name) == (case.id, case.version, case.release, case.name)
    assert system.type == case.type
    assert system.source in case.files


def test_the_module_distro_reads_the_same_words(tmp_path):
    """A second reader of os-release; what it has no ID for is ours alone."""
    compared = 0
    for number, case in enumerate(CASES):
        for path, text in case.files.items():
            file = tmp_path / str(number) / path[1:]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        witness = distro.LinuxDistribution(include_lsb=False, include_uname=False, root_dir=str(tmp_path / str(number)))
        words = witness.os_release_info()
        if words.get("id"):
            assert (words["id"], words.get("version_id") or None) == (case.id, case.version)
            compared += 1
    assert compared > 150


def test_the_table_is_large_enough():
    assert len(CASES) >= 280
    assert len({case.id for case in CASES}) >= 90


def test_what_else_os_release_says():
    system = identify({"/usr/lib/os-release": 'ID=rhel\nID_LIKE="centos fedora"\nVARIANT_ID=server\nVERSION_ID=9.4\n'})
    assert system.variant == "server"
    assert system.id_like == ("centos", "fedora")
    assert system.source == "/usr/lib/os-release"


def test_etc_comes_before_usr():
    system = identify({"/etc/os-release": "ID=one\n", "/usr/lib/os-release": "ID=two\n"})
    assert (system.id, system.source) == ("one", "/etc/os-release")


@pytest.mark.parametrize("target", ["../usr/lib/os-release", "/usr/lib/os-release", "/etc/../usr/./lib/os-release"])
def test_links_end_inside_the_guest_and_the_source_is_where_they_end(target):
    system = identify({"/etc/os-release": Link(target), "/usr/lib/os-release": "ID=debian\nVERSION_ID=12\n"})
    assert (system.id, system.source) == ("debian", "/usr/lib/os-release")


def test_a_link_out_of_the_guest_leads_nowhere():
    assert identify({"/etc/os-release": Link("/../../../../etc/hostname")}) is None


def test_links_in_a_circle_are_passed_over():
    files = {"/etc/os-release": Link("/etc/other"), "/etc/other": Link("os-release"), "/etc/alpine-release": "3.9.1\n"}
    assert identify(files).id == "alpine"


def test_nixos_is_found_through_links_into_its_store():
    store = "/nix/store/abc-nixos-system-24.05"
    files = {"/nix/var/nix/profiles/system": Link("system-1-link"), "/nix/var/nix/profiles/system-1-link": Link(store),
             f"{store}/etc": Link("/nix/store/def-etc/etc"),
             "/nix/store/def-etc/etc/os-release": Link("/nix/store/ghi-os-release"),
             "/nix/store/ghi-os-release": 'ID=nixos\nVERSION_ID="24.05"\n'}
    system = identify(files)
    assert (system.id, system.version, system.source) == ("nixos", "24.05", "/nix/store/ghi-os-release")


def test_freebsd_is_no_linux():
    by_os_release = identify({"/etc/os-release": 'ID=freebsd\nVERSION_ID="13.2"\nPRETTY_NAME="FreeBSD 13.2-RELEASE"\n'})
    by_script = identify({"/bin/freebsd-version": '#!/bin/sh\nUSERLAND_VERSION="13.2-RELEASE-p4"\n'})
    assert (by_os_release.type, by_os_release.id, by_os_release.version) == ("Other", "freebsd", "13.2")
    assert (by_script.type, by_script.id, by_script.version) == ("Other", "freebsd", "13.2")
    assert by_script.name == "FreeBSD 13.2-RELEASE-p4"


def test_a_linux_without_any_release_file_is_a_linux_without_a_name():
    system = identify({"/lib/modules/4.4.0/modules.dep": "", "/bin/sh": elf(62)})
    assert (system.type, system.id, system.version, system.name) == ("Linux", None, None, None)
    assert (system.architecture, system.bits, system.source) == ("x86_64", 64, None)


def test_files_that_are_no_system():
    assert identify({"/lost+found/x": "", "/data/file": "x"}) is None
    assert identify({}) is None


def test_architecture_comes_from_the_userland():
    system = identify({"/etc/os-release": "ID=debian\n", "/bin/sh": elf(3, 32)})
    assert (system.architecture, system.bits) == ("x86", 32)


def test_without_a_program_the_architecture_is_unknown():
    system = identify({"/etc/os-release": "ID=debian\n"})
    assert (system.architecture, system.bits) == (None, None)


def test_only_the_first_64_kib_are_read():
    filesystem = PhonyFileSystem({"/etc/os-release": "ID=big\n" + "# padding\n" * 1_000_000 + "ID=late\n"})
    assert linux.identify(GuestTree(filesystem)).id == "big"
    assert max(limit for _, limit in filesystem.reads) == 64 * 1024


def test_control_characters_do_not_get_out():
    text = 'ID="de\x1b[31mbian\x00"\nVERSION_ID="1\u202e2\x9b"\nPRETTY_NAME="a\x07b\u2028c\td"\n'
    system = identify({"/etc/os-release": text})
    assert (system.id, system.version, system.name) == ("de[31mbian", "12", "abc d")


def test_names_are_cut_to_256_characters():
    assert len(identify({"/etc/os-release": f"ID=x\nPRETTY_NAME={'long' * 1000}\n"}).name) == 256


def test_bytes_that_are_no_utf_8_become_replacement_characters():
    assert identify({"/etc/os-release": b"ID=x\nNAME=caf\xe9\n"}).name == "caf\ufffd"


def test_damage_is_noted_and_the_next_file_asked():
    files = {"/etc/os-release": "ID=one\n", "/usr/lib/os-release": "ID=two\n"}
    filesystem = PhonyFileSystem(files, damaged=("/etc/os-release",))
    problems = []
    assert linux.identify(GuestTree(filesystem), problems).id == "two"
    assert [problem.code for problem in problems] == ["filesystem-damaged"]


def test_garbage_gives_an_answer_or_none_and_nothing_else():
    chance = random.Random(20261123)  # noqa: S311 - a fixed set of cases
    paths = ("/etc/os-release", "/etc/lsb-release", "/etc/redhat-release", "/etc/SuSE-release", "/etc/debian_version",
             "/etc/os-version", "/etc/.productinfo", "/etc/alpine-release", "/bin/freebsd-version", "/bin/sh")
    for _ in range(300):
        case = chance.choice(CASES)
        files = {path: _mutated(text.encode(), chance) for path, text in case.files.items()}
        files |= {chance.choice(paths): chance.randbytes(chance.randrange(200)) for _ in range(3)}
        try:
            system = identify(files)
        except BrokenImage:  # pragma: no cover - would be as good
            continue
        words = [system.id, system.version, system.release, system.name] if system else []
        assert all(word.isprintable() for word in words if word)


@pytest.mark.parametrize(("start", "more"), [
    ('NAME="', "\\"), ("NAME=", "'"), ('NAME="', '\\"'), ("", "A="), ("VERSION_ID=1\nVERSION=", "1."),
    ("DISTRIB_ID=x\nDISTRIB_RELEASE=", "9"),
])
def test_quotes_and_backslashes_without_end_take_as_long_as_they_are(start, more):
    def read(count):
        identify({"/etc/os-release": "ID=x\n" + start + more * count, "/etc/lsb-release": start + more * count})

    assert growth(read, 3_000, 30_000) < 30  # a loop in a loop would take 100 times as long


def _mutated(data, chance):
    data = bytearray(data)
    for _ in range(chance.randrange(6)):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data) + 1)]) if chance.random() < 0.3 else bytes(data)
