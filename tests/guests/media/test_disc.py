from phony import PhonyFileSystem

from imgbuild.guests.media.disc import Disc
from imgbuild.readers import broken


def test_the_tree_is_opened_once_and_when_it_is_asked():
    opened = []

    def opener():
        opened.append(1)
        return PhonyFileSystem({"/a": "text", "/d/b": ""})

    disc = Disc(opener)
    assert opened == []
    assert (disc.text("/a"), disc.read("/a", 2, 1), disc.size("/a"), disc.names("/d")) == ("text", b"ex", 4, ["b"])
    assert (disc.text("/no"), disc.size("/d"), disc.size("/no"), disc.names("/no"), disc.names("/a")) == (
        "", None, None, [], [])
    assert disc.is_there("/d")
    assert not disc.is_there("/no")
    assert opened == [1]


def test_what_is_damaged_is_not_there():
    disc = Disc(lambda: PhonyFileSystem({"/a": "text", "/b": "x"}, damaged=("/a",)))
    assert (disc.text("/a"), disc.size("/a"), disc.text("/b")) == ("", None, "x")


def test_a_tree_that_cannot_be_opened_is_tried_once():
    tried = []

    def opener():
        tried.append(1)
        raise broken("filesystem-damaged", "no root")

    disc = Disc(opener)
    assert [disc.text("/a"), disc.text("/b"), disc.names("/")] == ["", "", []]
    assert tried == [1]


def test_text_that_is_no_utf8():
    assert Disc(lambda: PhonyFileSystem({"/a": b"\xff\xfeok"})).text("/a") == "\ufffd\ufffdok"
