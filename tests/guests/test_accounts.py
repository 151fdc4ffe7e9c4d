"""Accounts and passwords."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from phony import PhonyFileSystem

from imgbuild.filesystems.tree import GuestTree
from imgbuild.guests.accounts import PASSWD, SHADOW, accounts, passwords


def tree(passwd="", shadow=""):
    return GuestTree(PhonyFileSystem({PASSWD: passwd, SHADOW: shadow}))


def test_accounts():
    found = accounts(tree("root:x:0:0:root:/root:/bin/bash\nbad\nx:x:y:0::/:/\nada:x:1000:1000::/home/ada:/bin/sh\n"
                          "nobody:x:65534:65534::/:/sbin/nologin\n"))
    assert [(one.name, one.uid, one.home, one.line, one.is_person) for one in found] == [
        ("root", 0, "/root", 1, True), ("ada", 1000, "/home/ada", 4, True), ("nobody", 65534, "/", 5, False)]


def test_passwords():
    found = passwords(tree(shadow="root:$6$x:1:0:90:7:::\nada:!:1::99999:7:::\nbob::1:0::7:::\nx:*:1:0:-1:7:::\n"
                                  "bad:1\n"))
    assert [(one.name, one.is_set, one.is_empty, one.longest) for one in found] == [
        ("root", True, False, 90), ("ada", False, False, 99999), ("bob", False, True, None), ("x", False, False, None)]


def test_without_files():
    empty = GuestTree(PhonyFileSystem({"/x": ""}))
    assert (accounts(empty), passwords(empty)) == ([], [])


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    accounts(tree(text, text))
    passwords(tree(text, text))
