from __future__ import annotations

import struct

import pytest
from qcow2_images import COPIED, Builder, Sparse, codes, patch, plain, put

from imgbuild.formats.qcow2.container import open_qcow2
from imgbuild.readers import Memory

MIB = 1 << 20


def l1(*entries: int) -> bytes:
    """Return an image of two L2 tables at 1536 and 2048 with these L1 entries instead."""
    builder = Builder()
    for _ in range(128):
        builder.hole()
    return put(builder.image(), 1024, struct.pack(f">{len(entries)}Q", *entries))


@pytest.mark.parametrize(("entries", "message"), [
    ((COPIED | 1536, COPIED | 1536), "the L2 table of L1 entry 1, at 1536, is also that of an entry before it"),
    ((COPIED | 1024,), "the L2 table of L1 entry 0, at 1024, is also the L1 table"),
    ((COPIED | 512,), "the L2 table of L1 entry 0, at 512, is also the refcount table"),
    ((0, COPIED | 512), "the L2 table of L1 entry 1, at 512, is also the refcount table"),
])
def test_a_table_that_is_another_one_is_said(entries, message):
    found = open_qcow2(Memory(l1(*entries).ljust(4096, b"\0"))).problems
    assert [(problem.code, problem.message, problem.offset) for problem in found] == [
        ("tables-overlap", message, 1024 + 8 * (len(entries) - 1))]


def test_tables_side_by_side_and_holes_are_good():
    for entries in ((COPIED | 1536, COPIED | 2048), (0, 0), (COPIED | 2048, 0)):
        assert codes(l1(*entries).ljust(4096, b"\0")) == []


def test_the_tables_of_the_header_may_not_overlap_either():
    [problem] = open_qcow2(Memory(patch(plain(), l1_table_offset=512))).problems
    assert problem.message == "the L1 table at 512 to 520 overlaps the refcount table at 512 to 1024"
    assert (problem.code, problem.field) == ("tables-overlap", "l1_table_offset")


def test_only_so_many_entries_are_compared():
    header = patch(plain(), l1_size=1 << 20, size=1 << 34, l1_table_offset=16 * MIB)[:512]
    entry = struct.pack(">Q", COPIED | 1 * MIB)
    file = Sparse(64 * MIB, {0: header, 16 * MIB + 8 * 65535: entry, 16 * MIB + 8 * 65536: entry})
    assert [problem.code for problem in open_qcow2(file).problems] == ["refcounts-invalid"]
