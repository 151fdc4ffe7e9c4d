"""The witness: the real qemu-img on good images, and programs in its place that misbehave."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tools import needs

from imgbuild import qemu
from imgbuild.documents.inspection import Inspection
from imgbuild.documents.run import Witness
from imgbuild.model import Problem
from imgbuild.sandbox import program
from imgbuild.source import open_source

MIB = 1 << 20
RULES = Path(__file__).parent.parent / "rules"


@pytest.fixture(autouse=True)
def _fresh():
    qemu.find.cache_clear()
    qemu.version.cache_clear()
    yield
    qemu.find.cache_clear()
    qemu.version.cache_clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a program named qemu-img on the PATH that answers --version properly and does ``body`` (Python) otherwise.

    It runs in the sandbox of the real one, to which the folders of this Python are system folders, too.
    """
    folders = (*program.SYSTEM_FOLDERS, sys.prefix, sys.base_prefix)
    monkeypatch.setattr(program, "SYSTEM_FOLDERS", folders)

    def put(body):
        folder = tmp_path / "bin"
        folder.mkdir()
        script = folder / "qemu-img"
        script.write_text(f"#!{sys.executable} -IS\nimport sys, os, time, json\n"
                          "if sys.argv[1] == '--version':\n    print('qemu-img version 9.9.9 (Test)'); sys.exit()\n"
                          + body + "\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return put


def facts(**changes):
    return Inspection(**{"path": "disk", "size": MIB, "format": "qcow2", "virtual_size": MIB, **changes})


def ask(path, image=None, **options):
    with open_source(str(path)) as source:
        return qemu.witness(image or facts(), source, **options)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.qcow2"
    path.write_bytes(b"x" * 512)
    return path


REAL = [  # ours, qemu's, options
    ("raw", "raw", ()), ("qcow2", "qcow2", ()), ("vhd", "vpc", ("-o", "subformat=fixed")), ("vhd", "vpc", ()),
    ("vmdk", "vmdk", ()), ("vhdx", "vhdx", ()), ("vdi", "vdi", ()), ("qed", "qed", ()),
]


@needs("qemu-img")
@pytest.mark.parametrize(("ours", "theirs", "options"), REAL)
def test_the_real_one_reads_each_format_under_its_own_name(tmp_path, ours, theirs, options):
    path = tmp_path / "disk"
    subprocess.run(["qemu-img", "create", "-q", "-f", theirs, *options, str(path), "64M"], check=True)
    said = ask(path, facts(format=ours))
    assert (said.format, said.error, said.failure) == (theirs, None, None)
    assert said.virtual_size in {64 * MIB, 67125248}  # a VHD is rounded up to its geometry
    assert said.found[0].isdigit()


NAMES = ["-o", "json:{}", "nbd:localhost:1", "a,b=c", "a b", "o:x", "'", "$(id)", "\n", "\x1b[31m", "é"]


@needs("qemu-img")
@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_the_file_means_nothing(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(tmp_path / "good"), "1M"], check=True)
    os.rename("good", name)
    said = ask(name, probe=True)
    assert (said.format, said.probed, said.virtual_size) == ("qcow2", "qcow2", MIB)


@needs("qemu-img")
def test_the_real_one_refuses_what_is_of_another_format(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(bytes(MIB))
    said = ask(path)
    assert (said.failure, said.error) == ("refused", "Image is not in qcow2 format")
    assert [p.code for p in qemu.compare(facts(), said)] == ["qemu-disagrees"]


@needs("qemu-img")
def test_what_it_takes_a_file_for_is_a_fact_and_no_problem(tmp_path):
    path = tmp_path / "disk"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed,force_size=on", str(path), "8M"],
                   check=True)
    ours = facts(format="vhd", virtual_size=8 * MIB)
    said = ask(path, ours, probe=True)
    assert (said.format, said.probed, said.virtual_size) == ("vpc", "raw", 8 * MIB)
    assert qemu.compare(ours, said) == ()


def test_a_probe_that_fails_leaves_the_answer(image, install):
    install("os.abort() if '-f' not in sys.argv else print(json.dumps({'format': 'qcow2', 'virtual-size': 1048576}))")
    said = ask(image, probe=True)
    assert (said.format, said.probed, said.failure) == ("qcow2", None, None)


@needs("qemu-img")
def test_a_backing_file_is_not_opened(tmp_path):
    """The backing file is a FIFO: to open it would wait for ever."""
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / "disk"
    options = ["-q", "-f", "qcow2", "-u", "-F", "raw", "-b", str(tmp_path / "fifo")]
    subprocess.run(["qemu-img", "create", *options, str(path), "1M"], check=True)
    assert ask(path, timeout=60).virtual_size == MIB


def test_it_is_not_asked_where_our_own_reader_objects(image, install):
    install("os.abort()")
    said = ask(image, facts(problems=(Problem(code="backing-file", message="…"),)))
    assert (said.failure, said.error) == ("not-asked", "has no say: our own reader objects (backing-file)")
    assert qemu.compare(facts(), said) == ()


def test_an_answer_does_not_count_once_our_own_reader_objects():
    said = Witness(found="9.9.9", format="qcow2", virtual_size=5, sandbox=("rlimits",))
    assert qemu.heard(facts(), said) == said
    late = qemu.heard(facts(problems=(Problem(code="truncated", message="…"),)), said)
    assert (late.failure, late.virtual_size) == ("not-asked", None)
    assert late.error == "has no say: our own reader objects (truncated)"


@pytest.mark.parametrize("code", ["claim-contradicted", "extension-contradicted"])
def test_a_wrong_word_about_the_file_does_not_keep_it_away(image, install, code):
    install("print(json.dumps({'format': 'qcow2', 'virtual-size': 5}))")
    said = ask(image, facts(problems=(Problem(code=code, message="…"),)))
    assert (said.format, said.virtual_size) == ("qcow2", 5)


def test_an_objection_to_sizes_alone_does_not_keep_it_away(image, install):
    install("print(json.dumps({'format': 'vpc', 'virtual-size': 5}))")
    said = ask(image, facts(format="vhd", problems=(Problem(code="vhd-size-differs-from-chs", message="…"),)))
    assert (said.format, said.virtual_size) == ("vpc", 5)


@pytest.mark.parametrize(("given", "words"), [("zvhd2", "zvhd2"), ("gzip", "gzip"), (None, "what is not recognised")])
def test_it_is_not_asked_for_formats_that_it_does_not_know(image, install, given, words):
    install("os.abort()")
    assert ask(image, facts(format=given)).error == f"not asked: qemu-img does not know {words}"


def test_where_it_is_missing_nothing_is_said(image, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask(image) == Witness()
    assert (qemu.find(), qemu.version()) == (None, None)


def test_the_call_tells_the_format_and_little_else(image, install):
    install("said = [sys.argv[1:], sorted(os.environ), os.getcwd()]\n"
            "print(json.dumps({'format': json.dumps(said), 'virtual-size': 1}))")
    with open_source(str(image)) as source:
        said = qemu.witness(facts(), source)
        arguments, environment, folder = json.loads(said.format)
        assert arguments == ["info", "--output=json", "--force-share", "-f", "qcow2", f"/dev/fd/{source.descriptor}"]
    assert set(environment) <= {"PATH", "LC_ALL", "MALLOC_ARENA_MAX", "LC_CTYPE"}
    assert folder == "/"


def test_it_inherits_the_image_and_no_other_file(image, install, tmp_path):
    install("print(json.dumps({'format': json.dumps(os.listdir('/dev/fd')), 'virtual-size': 1}))")
    other = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(other, True)
    with open_source(str(image)) as source:
        said = qemu.witness(facts(), source)
        numbers = {int(number) for number in json.loads(said.format)}
        assert source.descriptor in numbers
    os.close(other)
    assert other not in numbers - {source.descriptor, 3}


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set from outside on Linux only")
def test_it_runs_under_limits(image, install):
    install("import resource as r\n"
            "limits = lambda: [r.getrlimit(n)[0] for n in (r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE,"
            " r.RLIMIT_CORE)]\n"
            "while limits() != [1073741824, 10, 0, 64, 0]:\n    time.sleep(0.01)\n"
            "print(json.dumps({'format': json.dumps(limits()), 'virtual-size': 1}))")
    assert ask(image, timeout=60).format == "[1073741824, 10, 0, 64, 0]"


COMPLAIN = "sys.stderr.write({}.format(sys.argv[-1])); sys.exit(1)"
MISBEHAVIOUR = [  # a program, how it failed, the sentence
    ("os.kill(os.getpid(), 11)", "died", "signal SIGSEGV"),
    ("os.abort()", "died", "signal SIGABRT"),
    ("os.kill(os.getpid(), 40)", "died", "signal 40"),
    ("time.sleep(60)", "died", "it took too long and was stopped"),
    ("os.write(1, b'[' * 5_000_000)", "died", "it wrote over 4 MiB and was stopped"),
    ("os.write(2, b'x' * 5_000_000)", "died", "it wrote over 4 MiB and was stopped"),
    ("print('nonsense')", "not-run", "its answer is not understood: b'nonsense\\n'"),
    ("print('[' * 100_000)", "not-run", "its answer is not understood: b'" + "[" * 80 + "'"),
    ("print('{}')", "not-run", "its answer is not understood: b'{}\\n'"),
    ("sys.exit(1)", "refused", "exit status 1"),
    (COMPLAIN.format("\"qemu-img: Could not open '{}': L1 \\x1b[31m bad\\nmore\""), "refused", "L1 \\x1b[31m bad"),
    (COMPLAIN.format("\"qemu-img: Could not open '{0}': Could not open '{0}': No such file\""), "not-run", None),
]


@pytest.mark.parametrize(("body", "failure", "error"), MISBEHAVIOUR)
def test_whatever_it_does_is_a_fact(image, install, body, failure, error):
    install(body)
    started = time.monotonic()
    said = ask(image, timeout=1 if error and "took too long" in error else 60)
    assert time.monotonic() - started < 50
    assert (said.found, said.failure) == ("9.9.9", failure)
    assert error is None or said.error == error


ANSWER = "print(json.dumps({'format': 'qcow2', 'virtual-size': 512}))"


def test_its_version_is_not_asked_for_where_nobody_wants_it(image, install):
    install(ANSWER)
    said = ask(image, named=False)
    assert (said.found, said.format) == (None, "qcow2")
    assert qemu.version.cache_info().misses == 0


def test_its_version_is_told_where_it_disagrees_or_fails(image, install):
    install(ANSWER)
    (problem,) = qemu.compare(facts(), ask(image, named=False))
    assert problem.message.startswith("qemu-img 9.9.9 sees a disk of 512 bytes")
    assert ask(image, facts(format="raw"), named=False, timeout=0).found == "9.9.9"


def test_a_program_that_does_not_work_at_all_has_no_say(image, tmp_path, monkeypatch):
    script = tmp_path / "qemu-img"
    script.write_text("#!/bin/sh\nexit 127\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask(image) == ask(image, named=False) == Witness()


def test_a_program_that_cannot_be_started_is_a_fact(image, install):
    install("")
    assert qemu.version() == "9.9.9"
    Path(qemu.find()).chmod(stat.S_IRUSR)
    said = ask(image)
    assert (said.failure, said.error) == ("not-run", "it cannot be started: Permission denied")


@pytest.mark.parametrize("said", ["", "qemu-img", "something else 1.2"])
def test_a_program_that_is_not_qemu_img_has_no_version(tmp_path, monkeypatch, said):
    script = tmp_path / "qemu-img"
    script.write_text(f"#!/bin/sh\necho {said}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert qemu.version() is None


def test_nothing_harmless_is_a_matter_of_safety():
    packs = [tomllib.loads(path.read_text()) for path in sorted(RULES.glob("*/*.toml"))]
    rules = [rule for pack in packs for rule in pack.get("rule", [])]
    unsafe = {rule["id"].removeprefix("image-") for rule in rules if rule.get("group") == "safety"}
    assert not unsafe & qemu.HARMLESS
