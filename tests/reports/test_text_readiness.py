"""The checklist of a guest."""

from __future__ import annotations

from imgbuild.model import GuestCheck, Place
from imgbuild.reports import text_readiness
from imgbuild.reports.page import Page
from imgbuild.reports.sheet import Sheet


def drawn(*checks, **page):
    sheet = Sheet(Page(**page))
    text_readiness.write(sheet, checks)
    return sheet.text()


def failure(places=(), cure=None):
    return GuestCheck(check="lin_fstab_no_data", status="fail", detail="fstab mounts what is not on this disk",
                      files=("/etc/fstab",), places=places, cure=cure)


def test_nothing_was_checked():
    assert drawn() == ""


def test_a_failure_says_where_and_what_repairs_it():
    place = Place(path="/etc/fstab", line=4, text="UUID=7b1e /data xfs defaults 0 2", says="no such file system here")
    assert drawn(failure((place,), "sed -i '4d' /etc/fstab")) == """\
Ready     1 not
  no      fstab mounts what is not on this disk
          /etc/fstab:4: UUID=7b1e /data xfs defaults 0 2
          no such file system here
          fix sed -i '4d' /etc/fstab
"""


def test_of_many_places_the_first_are_shown():
    text = drawn(failure(tuple(Place(path="/etc/fstab", line=line) for line in range(1, 6))))
    assert "/etc/fstab:3" in text
    assert "/etc/fstab:4" not in text
    assert "and 2 more" in text


def test_what_is_wrong_comes_first():
    well = GuestCheck(check="lin_dhcp", status="pass", detail="DHCP by cloud-init", files=("/etc/cloud/cloud.cfg",))
    text = drawn(well, failure())
    assert text.index("fstab mounts") < text.index("DHCP by cloud-init")


def test_bytes_of_the_guest_are_made_visible():
    text = drawn(failure((Place(path="/etc/fstab", line=1, text="\x1b[31mred"),)))
    assert "\x1b" not in text


def test_advice_comes_last_and_in_one_line():
    tip = GuestCheck(check="lin_ipv6", status="fail", detail="no NIC asks for an IPv6 address", cure="ask for it",
                     files=("/etc/network/interfaces",), places=(Place(path="/etc/network/interfaces", line=3),),
                     advice=True)
    well = GuestCheck(check="lin_dhcp", status="pass", detail="DHCP by cloud-init", files=("/etc/cloud/cloud.cfg",))
    assert drawn(tip, well, failure(), width=100) == """\
Ready     1 ok, 1 not, 1 tip
  no      fstab mounts what is not on this disk
  ok      DHCP by cloud-init                                                    /etc/cloud/cloud.cfg
  tip     no NIC asks for an IPv6 address                                    /etc/network/interfaces
"""
    assert "fix ask for it" in drawn(tip, verbose=True)
