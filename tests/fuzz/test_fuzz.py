"""A fixed number of seeded mutants of each kind of file, by the way that ``run.py`` takes any number of them."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
import seeds
from fuzz import run
from mutate import Mutator, applied
from tools import needs

from imgbuild.readers import broken

CASES = 30
OWN = [seed for seed in seeds.all_seeds() if not seed.tools]
DISKS = {"gpt-uefi-ext4": "gpt", "mbr-lvm-ext4": "lvm", "gpt-bios-xfs": "xfs"}
TABLES = next(seed for seed in OWN if str(seed) == "mbr:extended")


def failures(tally: run.Tally) -> list[str]:
    return [f"{tally.seed}, case {failure.number}: {failure.failure}" for failure in tally.failures]


@pytest.mark.parametrize("seed", OWN, ids=str)
def test_a_damaged_file_gives_facts_and_problems_and_nothing_else(seed, tmp_path):
    (_, path), = run.prepared([seed], tmp_path)
    tally = run.fuzz(seed, path, range(CASES), "test")
    assert failures(tally) == []
    assert tally.cases == CASES


@needs("sfdisk", "mke2fs", "mkfs.vfat", "mkfs.xfs", "mmd", "mcopy")
@pytest.mark.parametrize("name", DISKS)
def test_so_does_a_damaged_disk_with_a_guest(name, disk):
    tally = run.fuzz(seeds.Seed(DISKS[name], name, disk), disk(name), range(CASES), "test")
    assert failures(tally) == []


def test_most_damage_is_noticed(tmp_path):
    noticed = total = 0
    for seed in (seed for seed in OWN if seed.format in {"qcow2", "vhd", "vhdx", "zvhd2"}):
        (_, path), = run.prepared([seed], tmp_path)
        tally = run.fuzz(seed, path, range(8), "noticed")
        noticed += tally.with_problems
        total += tally.cases
    assert noticed > total / 2


def test_a_mutant_is_the_same_each_time_and_leaves_nothing_behind(tmp_path):
    (_, path), = run.prepared([TABLES], tmp_path)
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    pristine, damaged = os.open(path, os.O_RDONLY), os.open(copy, os.O_RDWR)
    makers = [Mutator(pristine, [(0, 512), (4194304, 512)], 1) for _ in range(2)]
    sizes = set()
    for number in range(200):
        one, other = (maker.mutant(number) for maker in makers)
        assert one == other
        with applied(one, damaged, pristine):
            sizes.add(copy.stat().st_size)
            for at, data in one.changes[-1:]:
                assert os.pread(damaged, len(data), at) == data
        assert copy.stat().st_size == path.stat().st_size
    assert copy.read_bytes() == path.read_bytes()
    assert len(sizes) > 2
    os.close(pristine)
    os.close(damaged)


def _raise(*_):
    raise ValueError("seen")


def _die(*_):
    os._exit(9)


def _hang(*_):
    time.sleep(60)


def _open(*_):
    with open("/etc/passwd", "rb"):
        pass


def _start(*_):
    subprocess.run(["true"], check=True)


def _eat(*_):
    return len(b"x" * (400 << 20))


def _linger(*_):
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(("said", "fault"), [
    ("ValueError: seen", _raise), ("ended with 9", _die), ("ended with -9", _hang), ("open '/etc/passwd'", _open),
    ("subprocess.Popen", _start), (" MiB", _eat), ("s, twice", _linger)],
    ids=lambda value: getattr(value, "__name__", ""))
def test_the_runner_sees(said, fault, tmp_path, monkeypatch):
    (_, path), = run.prepared([TABLES], tmp_path)
    sound = path.read_bytes()
    looks = []

    def judge(source):
        looks.append(source)
        if len(looks) > 1:  # the first is the sound file's
            fault()
        return ()

    monkeypatch.setattr(run, "_judge", judge)
    monkeypatch.setattr(run, "PATIENCE", 10)  # a busy machine takes 3 to look at the sound file
    monkeypatch.setattr(run, "MOST_SECONDS", 0.1 if fault is _linger else 5)
    monkeypatch.setattr(run, "MOST_BYTES", (200 if fault is _eat else 512) << 20)
    tally = run.fuzz(TABLES, path, [3], 1)
    assert [said in failure for failure in failures(tally)] == [True]
    assert path.read_bytes() == sound


def test_the_runner_goes_on_after_a_worker_that_died(tmp_path, monkeypatch):
    (_, path), = run.prepared([TABLES], tmp_path)
    looks = []

    def judge(source):
        looks.append(source)
        if len(looks) == 3:
            _die()
        return (broken("odd", "it is").problem.code,)

    monkeypatch.setattr(run, "_judge", judge)
    tally = run.fuzz(TABLES, path, range(4), 1)
    assert (tally.cases, [failure.number for failure in tally.failures]) == (4, [1, 3])
    assert tally.codes == {"odd": 2}
