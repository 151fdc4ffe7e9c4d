"""The filters, run by a small machine of our own, so that both kinds of processor are tested on either of them."""

from __future__ import annotations

import errno
import os
import struct
import subprocess

import pytest
from tools import find_tool, needs

from imgbuild.sandbox import program, reader, seccomp
from imgbuild.sandbox.callnumbers import NUMBERS

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
PROCESS = 4321
VERDICTS = {0x7FFF0000: "allow", 0x80000000: "kill", 0x00050000 | errno.EPERM: "EPERM",
            0x00050000 | errno.ENOSYS: "ENOSYS"}


def run(code: bytes, number: int, architecture: int, arguments=()) -> str:
    """Run a program of the classic BPF machine over struct seccomp_data, and return its verdict."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(*arguments, *[0] * 6)[:6])
    instructions = list(struct.iter_unpack("=HBBI", code))
    accumulator, at = 0, 0
    while True:
        operation, yes, no, k = instructions[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x15:
                at += yes if accumulator == k else no
            case 0x35:
                at += yes if accumulator >= k else no
            case 0x45:
                at += yes if accumulator & k else no
            case 0x06:
                return VERDICTS[k]
            case _:
                raise AssertionError(operation)


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.fixture
def read(machine):
    """Ask the filter of the reader about a call by name, or by number."""
    code = seccomp.assemble(reader._rules(PROCESS), seccomp.REFUSE, machine)

    def ask(call, *arguments, architecture=MACHINES[machine]):
        number = call if isinstance(call, int) else NUMBERS[call][COLUMN[machine]]
        return "absent" if number is None else run(code, number, architecture, arguments)

    return ask


@pytest.fixture
def start(machine):
    """Ask the filter of a program about a call; ``sockets`` is whether it may listen."""
    def ask(call, *arguments, sockets=None):
        reach = program.Reach("/usr/bin/qemu-nbd", sockets=sockets)
        code = seccomp.assemble(program._rules(reach), seccomp.ALLOW, machine)
        number = call if isinstance(call, int) else NUMBERS[call][COLUMN[machine]]
        return "absent" if number is None else run(code, number, MACHINES[machine], arguments)

    return ask


def test_a_reader_reads(read):
    assert {read(name) for name in reader.ALLOWED} <= {"allow", "absent"}
    assert [read(name) for name in ("read", "pread64", "mmap", "write", "exit_group")] == ["allow"] * 5


def test_what_only_a_traitor_calls_is_fatal(read):
    assert {read(name) for name in reader.FATAL} == {"kill"}


def test_every_other_call_is_refused(read, machine):
    known = {*reader.ALLOWED, *reader.FATAL, "open", "openat", "fcntl", "ioctl", "kill", "tgkill", "tkill"}
    numbers = {NUMBERS[name][COLUMN[machine]] for name in known}
    for number in set(range(424)) - numbers:
        assert read(number) == "EPERM", number
    assert [read(number) for number in (424, 425, 470, 100_000)] == ["ENOSYS"] * 4


FLAGS = [  # flags, allowed
    (os.O_RDONLY, True), (os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW, True),
    (os.O_WRONLY, False), (os.O_RDWR, False), (os.O_WRONLY | os.O_RDWR, False), (os.O_CREAT, False),
    (os.O_TRUNC, False), (os.O_WRONLY | os.O_APPEND, False), (os.O_RDWR | os.O_TMPFILE, False),
    ((1 << 32) | os.O_RDONLY, True), ((1 << 32) | os.O_RDWR, False),
]


@pytest.mark.parametrize(("flags", "allowed"), FLAGS)
def test_files_are_opened_to_be_read(read, flags, allowed):
    verdict = "allow" if allowed else "EPERM"
    assert read("openat", 0xFFFFFF9C, 0x7FFF_FFFF_0000, flags, 0o666) == verdict
    assert read("open", 0x7FFF_FFFF_0000, flags, 0o666) in {verdict, "absent"}


def test_signals_go_to_itself(read):
    for name in ("kill", "tgkill", "tkill"):
        assert read(name, PROCESS, 11) == "allow"
        assert {read(name, other, 11) for other in (0, 1, PROCESS - 1, PROCESS + 1, 0xFFFFFFFF)} == {"EPERM"}


def test_of_fcntl_and_ioctl_there_is_what_python_needs(read):
    assert [read("fcntl", 3, command) for command in (0, 1, 2, 3, 1030)] == ["allow"] * 5
    assert {read("fcntl", 3, command) for command in (4, 8, 10, 1024, 1031)} == {"EPERM"}  # F_SETFL, F_SETOWN, …
    assert [read("ioctl", 3, request) for request in (0x5401, 0x5421, 0x5450, 0x5451)] == ["allow"] * 4
    assert {read("ioctl", 3, request) for request in (0x5412, 0x5402, 0x8914)} == {"EPERM"}  # TIOCSTI, …


def test_calls_of_another_architecture_are_fatal(read, machine):
    i386, arm = 0x40000003, 0x40000028
    others = [value for name, value in MACHINES.items() if name != machine]
    for architecture in (i386, arm, 0, *others):
        assert read("read", architecture=architecture) == "kill"


def test_calls_of_x32_are_fatal(read, machine):
    for name in ("read", "openat", "execve"):
        number = NUMBERS[name][COLUMN[machine]] | 0x40000000
        assert read(number) == ("kill" if machine == "x86_64" else "ENOSYS")


def test_a_program_has_what_is_not_on_the_list(start):
    assert {start(name) for name in program.REFUSED} <= {"EPERM", "absent"}
    assert {start(number) for number in (0, 63, 435 + 100)} == {"allow"}
    assert {start(name) for name in ("execve", "openat", "mmap", "futex")} == {"allow"}


def test_a_program_has_a_socket_only_where_it_is_given_a_folder_for_it(start):
    unix, inet, inet6, netlink, vsock = 1, 2, 10, 16, 40
    assert {start("socket", family) for family in (unix, inet, inet6, netlink, vsock)} == {"EPERM"}
    assert start("socket", unix, sockets="/run/x") == "allow"
    assert {start("socket", family, sockets="/run/x") for family in (inet, inet6, netlink, vsock)} == {"EPERM"}


def test_a_program_makes_threads_and_no_namespaces(start):
    thread = 0x3D0F00  # what the C library passes for a thread
    assert start("clone", thread) == "allow"
    assert {start("clone", thread | flag) for flag in (0x00020000, 0x02000000, 0x10000000, 0x40000000)} == {"EPERM"}
    assert start("clone3") == "ENOSYS"


def test_the_kernel_takes_programs_of_this_length(machine):
    for rules, otherwise in ((reader._rules(1), seccomp.REFUSE), (program._rules(program.Reach("/x")), seccomp.ALLOW)):
        assert len(seccomp.assemble(rules, otherwise, machine)) // 8 < 4096  # BPF_MAXINSNS


@pytest.mark.parametrize(("name", "size", "known"), [
    ("x86_64", 1 << 63, True), ("aarch64", 1 << 63, True), ("x86_64", 1 << 31, False), ("riscv64", 1 << 63, False),
    ("i686", 1 << 31, False), ("aarch64_be", 1 << 63, False)])
def test_only_machines_with_a_table_have_a_filter(monkeypatch, name, size, known):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "x", "6.18", "x", name)))
    monkeypatch.setattr("sys.maxsize", size - 1)
    if known:
        assert seccomp.machine() == name
    else:
        with pytest.raises(OSError, match="no table of system calls"):
            seccomp.machine()


@needs("scmp_sys_resolver")
def test_the_numbers_are_those_of_libseccomp(machine):
    tool = find_tool("scmp_sys_resolver")
    for name, numbers in NUMBERS.items():
        said = int(subprocess.run([tool, "-a", machine, name], capture_output=True, text=True, check=True).stdout)
        ours = numbers[COLUMN[machine]]
        if said == -1:  # younger than the library: the number is the same on all machines
            assert numbers[0] == numbers[1] > 450, name  # type: ignore[operator]
        else:
            assert ours == (said if said >= 0 else None), name
