"""What a pack takes away from those below it, and whose documents come first; packs as a whole are in test_rulebook."""

import pytest

from imgbuild.rulebook.inheritance import in_order, not_there, own_first, taken_away

VALUES = {"formats": {"raw": "raw", "iso": "iso"}, "calls": {"put": {"fields": {"a": 1, "b": 2}, "path": "/x"}}}


@pytest.mark.parametrize(("places", "left"), [
    ({}, VALUES),
    ({"formats": ["iso"]}, VALUES | {"formats": {"raw": "raw"}}),
    ({"calls.put.fields": ["a"], "calls.put": ["path"]}, VALUES | {"calls": {"put": {"fields": {"b": 2}}}}),
    ({"nowhere": ["iso"], "calls.get.fields": ["a"], "formats": ["x"]}, VALUES),
])
def test_what_is_taken_away_is_gone_from_a_copy(places, left):
    before = str(VALUES)
    assert taken_away(VALUES, places) == left
    assert str(VALUES) == before


@pytest.mark.parametrize(("places", "names"), [
    ({"formats": ["iso"], "calls.put.fields": ["a", "b"]}, []),
    ({"formats": ["x", "raw"], "calls.get.fields": ["a"], "formats.raw": ["y"]},
     ["formats.x", "calls.get.fields.a", "formats.raw.y"]),
])
def test_what_is_not_there_cannot_be_taken_away(places, names):
    assert list(not_there(VALUES, places)) == names


@pytest.mark.parametrize(("own", "order"), [
    ((), ["a-1", "b-1", "c-1", "b-2"]), (("z-",), ["a-1", "b-1", "c-1", "b-2"]),
    (("b-",), ["b-1", "b-2", "a-1", "c-1"]), (("c-", "b-2", "b-"), ["c-1", "b-2", "b-1", "a-1"]),
])
def test_own_documents_come_first_and_others_keep_their_order(own, order):
    sources = ["a-1", "b-1", "c-1", "b-2"]
    assert in_order(sources, own) == order
    table = {"sources": sources, "list": [{"sources": sources, "x": [1, 2]}, {}], "below": {"sources": sources}}
    found = own_first(table, own)
    assert (found["sources"], found["list"][0]["sources"], found["below"]["sources"]) == (order, order, order)
    assert found["list"][0]["x"] == [1, 2]
    assert table["sources"] == ["a-1", "b-1", "c-1", "b-2"]


@pytest.mark.parametrize("broken", [None, "b-1", 7, [7, None], {"b-": 1}])
def test_sources_of_another_type_are_left_to_those_who_check_them(broken):
    assert own_first({"sources": broken}, ("b-",)) == {"sources": broken}
