
import pytest
from pace import ENDLESS, Clock

from imgbuild.guests.media import xmltree
from imgbuild.guests.media.xmltree import XmlError, parse

BOMB = "<!DOCTYPE a [<!ENTITY a0 'x'>" + "".join(f"<!ENTITY a{n} '&a{n - 1};&a{n - 1};'>" for n in range(1, 40)) + "]>"


def test_a_small_document():
    root = parse("<a x='1'>\u00e9<b> two </b><b>three</b><c><d>four</d></c></a>".encode())
    assert (root.name, root.attributes, root.text) == ("a", {"x": "1"}, "\u00e9")
    assert [child.text for child in root.all("b")] == [" two ", "three"]
    assert (root.text_at("b"), root.text_at("c/d"), root.text_at("c/none/d")) == ("two", "four", "")
    assert root.find("c").find("d").text == "four"


def test_utf_16_with_its_mark():
    assert parse("\ufeff<a>\u9e92</a>".encode("utf-16-le")).text == "\u9e92"


@pytest.mark.parametrize(("what", "data"), [
    ("nothing", b""), ("no element", b"<?xml version='1.0'?>"), ("not closed", b"<a><b></a>"),
    ("two roots", b"<a/><b/>"),
    ("a bomb of entities", (BOMB + "<a>&a39;</a>").encode()),
    ("an external entity", b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>"),
    ("a document type alone", b"<!DOCTYPE a SYSTEM 'http://127.0.0.1/x.dtd'><a/>"),
    ("an entity that nobody defined", b"<a>&e;</a>"), ("too deep", b"<a>" * 40 + b"</a>" * 40),
    ("too many elements", b"<a>" + b"<b/>" * 60_000 + b"</a>"), ("too large", b"<a>" + b" " * (1 << 20) + b"</a>"),
    ("an encoding that does not exist", b"<?xml version='1.0' encoding='x-none'?><a/>"), ("NUL", b"<a>\0</a>"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_refused(what, data):
    clock = Clock()
    with pytest.raises(XmlError):
        parse(data)
    assert clock.seconds() < ENDLESS, what


def test_exactly_the_largest_document_is_read():
    assert parse(b"<a>" + b" " * (xmltree.MOST_BYTES - 7) + b"</a>").name == "a"
