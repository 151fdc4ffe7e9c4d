"""Which version is newer; dpkg and rpm themselves are the witnesses."""

from __future__ import annotations

import itertools
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools import needs

from imgbuild.guests.packages.versions import compare, holds, parse_relation

VERSIONS = ["1", "1.0", "1.0-1", "1.0-1.el9", "1.0~rc1-1", "1.0+b1-1", "1.0.1-1", "1.10-1", "1.9-1", "1:0.5-1",
            "2:1.0-1", "1.0a-1", "1.0b2-1", "22.4.2-1", "22.4.2-1+deb12u1", "23-1", "1.0-1ubuntu2", "0.7.9-24.el7"]


@needs("dpkg")
def test_dpkg_agrees():
    for one, other in itertools.combinations(VERSIONS, 2):
        older = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0
        assert (compare("deb", one, other) < 0) == older, (one, other)


@needs("rpm")
def test_rpm_agrees():
    pairs = [(one, other) for one, other in itertools.combinations([*VERSIONS, "1.0^git1-1"], 2)
             if ":" not in one + other and "-" in one and "-" in other]
    parts = [(one.split("-")[0], other.split("-")[0]) for one, other in pairs]
    script = "".join(f'%{{lua:print(rpm.vercmp("{one}", "{other}") .. "\\n")}}' for one, other in parts)
    shown = subprocess.run(["rpm", "--eval", script], capture_output=True, text=True, check=True).stdout.split()
    for (one, other), order in zip(parts, map(int, shown), strict=True):
        assert compare("rpm", one, other) == order, (one, other)


@pytest.mark.parametrize(("version", "relation", "expected"), [
    ("22.4.2-1", ">= 22.1", True), ("22.4.2-1", ">=22.4.2", True), ("22.4.2-1", "> 22.4.2", False),
    ("22.4.2-1", "= 22.4.2", True), ("22.4.2-1", "== 22.4.2-2", False), ("1:2.0-1", ">= 3", False),
    ("1:2.0-1", "< 1:3", True), ("0.7.5", "< 0.7.9", True), ("2.0-1", "<= 2.0", True),
])
def test_relations(version, relation, expected):
    assert holds("deb", version, relation) is expected
    assert holds("rpm", version, relation) is expected


@pytest.mark.parametrize(("text", "expected"), [
    (">= 1", (">=", "1")), ("=1.2-3", ("=", "1.2-3")), ("1.2", None), ("~> 1", None), (">= 1 2", None), ("", None),
])
def test_what_is_a_relation(text, expected):
    assert parse_relation(text) == expected


@given(st.sampled_from(["deb", "rpm"]), st.text(max_size=30), st.text(max_size=30))
def test_an_order_is_one(kind, one, other):
    assert compare(kind, one, other) == -compare(kind, other, one)
    assert compare(kind, one, one) == 0
