"""The architecture of a guest from the heads of its programs."""

from __future__ import annotations

import struct
import sys

import pytest
from phony import Link, PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.careful import Careful
from imgbuild.guests.elf import machine_of, read_machine


def head(machine, bits=64, order="<", kind=3):
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "<" else 2, 1)) + bytes(9)
    return ident + struct.pack(order + "HH", kind, machine)


def of(files, **more):
    return machine_of(Careful(GuestTree(PhonyFileSystem(files, **more))))


@pytest.mark.parametrize(("program", "machine"), [
    (head(62), ("x86_64", 64)), (head(3, 32), ("x86", 32)), (head(62, 32), ("x86_64", 32)), (head(183),
    ("aarch64", 64)),
    (head(40, 32), ("arm", 32)), (head(21), ("ppc64le", 64)), (head(21, 64, ">"), ("ppc64", 64)),
    (head(22, 64, ">"), ("s390x", 64)),
    (head(243), ("riscv64", 64)), (head(258), ("loongarch64", 64)), (head(8), ("mips64el", 64)), (head(8, 32, ">"),
    ("mips", 32)),
    (head(62, kind=2), ("x86_64", 64)),
])
def test_machines(program, machine):
    assert read_machine(program) == machine


@pytest.mark.parametrize("data", [
    b"", b"\x7fELF", head(62)[:19], b"MZ" + head(62)[2:], head(62, kind=1), head(9999), head(3, 64), head(22, 64, "<"),
    b"\x7fELF\x03" + head(62)[5:], b"\x7fELF\x02\x07" + head(62)[6:], b"#!/bin/sh\necho a script\n",
], ids=range(11))
def test_what_is_no_program(data):
    assert read_machine(data) is None


def test_nineteen_bytes_are_too_few_and_twenty_enough():
    assert read_machine(head(62)[:19]) is None
    assert read_machine(head(62)[:20]) == ("x86_64", 64)


@pytest.mark.skipif(sys.platform != "linux", reason="this Python is no ELF program")
def test_this_python_is_what_it_says_it_is():
    with open(sys.executable, "rb") as program:
        machine = read_machine(program.read(64))
    assert machine is not None
    assert machine.bits == (64 if sys.maxsize > 2**32 else 32)


def test_the_next_program_is_asked_where_one_is_no_help():
    assert of({"/bin/sh": b"#!/bin/dash\n", "/usr/bin/env": head(62)[:10], "/sbin/init": head(183)}) == ("aarch64", 64)


def test_links_are_followed_inside_the_guest():
    assert of({"/bin": Link("usr/bin"), "/usr/bin/sh": Link("dash"), "/usr/bin/dash": head(62)}) == ("x86_64", 64)


def test_the_dynamic_loader_will_do():
    assert of({"/lib64/ld-linux-x86-64.so.2": head(62)}) == ("x86_64", 64)
    assert of({"/lib/ld-musl-aarch64.so.1": head(183)}) == ("aarch64", 64)


def test_none_without_a_program():
    assert of({"/etc/os-release": "ID=x"}) is None


def test_a_stray_program_of_another_machine_is_outvoted():
    files = {"/bin/sh": head(183), "/usr/bin/env": head(62), "/bin/bash": head(62)}
    assert of(files) == ("x86_64", 64)
    assert of({"/bin/sh": head(183), "/usr/bin/env": head(62)}) is None


def test_one_program_under_many_names_is_one():
    files = {"/bin/busybox": head(40, 32), "/bin/sh": Link("busybox"), "/sbin/init": Link("/bin/busybox")}
    assert of(files) == ("arm", 32)


def test_damage_is_passed_over():
    assert of({"/bin/sh": head(3, 32), "/usr/bin/env": head(62)}, damaged=("/bin/sh",)) == ("x86_64", 64)


def test_only_64_bytes_are_read():
    filesystem = PhonyFileSystem({"/bin/sh": head(62) + bytes(1_000_000)})
    machine_of(Careful(GuestTree(filesystem)))
    assert filesystem.reads == [("/bin/sh", 64)]
