"""sshd's configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phony import PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.sshd import MAIN, SshdConfig


def config(tree):
    return SshdConfig(GuestTree(PhonyFileSystem(tree)))


def value(text, keyword="PasswordAuthentication", **files):
    found = config({MAIN: text} | {f"/etc/ssh/sshd_config.d/{name}.conf": part for name, part in files.items()})
    line = found.get(keyword)
    return line and line.value


@pytest.mark.parametrize(("says", "text", "expected"), [
    ("plain", "PasswordAuthentication no\n", "no"), ("in any case", "passwordauthentication NO\n", "NO"),
    ("with a sign", "PasswordAuthentication=no\n", "no"), ("quoted", 'PasswordAuthentication "no"\n', "no"),
    ("the first one counts", "PasswordAuthentication no\nPasswordAuthentication yes\n", "no"),
    ("a comment", "#PasswordAuthentication no\n", None),
    ("for some logins only", "Match User x\n  PasswordAuthentication no\n", None),
    ("nothing", "", None),
])
def test_values(says, text, expected):
    assert value(text) == expected, says


def test_an_include_stands_in_its_place():
    include = "Include /etc/ssh/sshd_config.d/*.conf\n"
    assert value(include + "PasswordAuthentication yes\n", a="PasswordAuthentication no\n") == "no"
    assert value("PasswordAuthentication yes\n" + include, a="PasswordAuthentication no\n") == "yes"
    assert value(include, a="Match all\nX y\n", b="PasswordAuthentication no\n") == "no"
    assert value("Include sshd_config.d/*.conf\n", a="PasswordAuthentication no\n") == "no"


def test_place():
    line = config({MAIN: "# x\nPermitRootLogin no\n"}).get("PermitRootLogin")
    assert (line.path, line.line, line.text) == (MAIN, 2, "PermitRootLogin no")


def test_ports():
    assert config({MAIN: ""}).ports() == (22,)
    assert config({MAIN: "Port 2222\nPort 22\nPort x\n"}).ports() == (2222, 22)
    assert config({}).path is None


def test_openssh_of_opensuse_has_the_vendors_file():
    assert config({"/usr/etc/ssh/sshd_config": "UsePAM yes\n"}).get("usepam").value == "yes"


def test_what_includes_itself_ends():
    assert config({MAIN: f"Include {MAIN}\n" * 8 + "Port 1\n"}).ports()[0] == 1


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    config({MAIN: text}).ports()
