"""UEFI programs: machine, signers, shim."""

from __future__ import annotations

import random
import struct

import pytest
from bootsectors import MICROSOFT, OLD_SHIM, SHIM, certificates, program
from phony import PhonyFileSystem

from imgbuild.guests.pe import Program, read_program


def read(data):
    return read_program(PhonyFileSystem({"/x.efi": data}, kind="fat32"), "/x.efi")


@pytest.mark.parametrize(("machine", "word"), [
    (0x8664, "x86_64"), (0x14C, "x86"), (0xAA64, "aarch64"), (0x1C2, "arm"), (0x5064, "riscv64"),
    (0x6264, "loongarch64"), (0x1234, None)])
def test_machines(machine, word):
    assert read(program(machine)) == Program(word, signed=False, authorities=(), is_shim=False)


def test_signed_by_microsoft():
    assert read(program(certificates=MICROSOFT)).authorities == ("Microsoft Corporation UEFI CA 2011",)
    old, new = b"Microsoft Corporation UEFI CA 2011", b"Microsoft UEFI CA 2023"
    assert read(program(certificates=certificates(new, old))).authorities == (old.decode(), new.decode())


def test_signed_by_somebody():
    assert read(program(certificates=certificates(b"Debian Secure Boot CA"))) == Program(
        "x86_64", signed=True, authorities=(), is_shim=False)


def test_32_bit_headers():
    assert read(program(0x14C, certificates=MICROSOFT, plus=False)).authorities != ()


def test_shim_old_and_new():
    assert read(SHIM).is_shim
    assert read(OLD_SHIM).is_shim
    assert not read(program(sections=((b".sbat", b"sbat,1,x\ngrub,4,FSF\n"),))).is_shim


def test_marks_in_long_sections_are_not_looked_for():
    assert not read(program(sections=((b".text", b"UEFI SHIM" + bytes(2000)),))).is_shim


@pytest.mark.parametrize("data", [
    b"", b"MZ", b"MZ fake efi loader", bytes(4096), program()[:128], program()[:150], b"MZ" + b"\xff" * 4000,
    b"ZM" + program()[2:], program().replace(b"PE\0\0", b"NE\0\0"),
], ids=range(9))
def test_what_is_no_program(data):
    assert read(data) is None


def test_a_certificate_table_behind_the_file_is_none():
    data = bytearray(program(certificates=MICROSOFT))
    struct.pack_into("<I", data, 128 + 24 + 112 + 32, 0xFFFFFFF0)
    assert read(bytes(data)) == Program("x86_64", signed=False, authorities=(), is_shim=False)


def test_no_more_than_64_kib_of_certificates_are_read():
    data = program(certificates=bytes(200_000) + MICROSOFT)
    filesystem = PhonyFileSystem({"/x.efi": data})
    assert read_program(filesystem, "/x.efi").authorities == ()
    assert max(limit for _, limit in filesystem.reads) == 64 * 1024


def test_mutants_give_a_program_or_none():
    chance = random.Random(20261123)  # noqa: S311 - a fixed set of cases
    for _ in range(400):
        data = bytearray(chance.choice((SHIM, OLD_SHIM, program(plus=False))))
        for _ in range(6):
            place = chance.choice((chance.randrange(512), chance.randrange(len(data))))
            data[place] = chance.choice((0, 255, chance.randrange(256)))
        read(bytes(data[: chance.choice((len(data), chance.randrange(len(data))))]))
