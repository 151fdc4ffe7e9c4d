"""Every documented field of every operation has rules: what a page says of it is broken on purpose, and found.

The facts are read from ``rules/`` itself, so a field that is added there without a rule fails here. For each fact the
values at its boundary are tried: the last that is accepted passes, the first that is not fails, at its own place.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from imgbuild import jsontext, linting, rulebook
from imgbuild.checks import Context
from imgbuild.profiles import FieldSpec

BOOK = rulebook.load()
PROFILE = BOOK.profile
ID = "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86"
VALUES = {"name": "a", "image_url": "images:a.raw", "min_disk": 40, "os_version": "CentOS 7.0 64bit",
          "__os_version": "CentOS 7.0 64bit", "key": "a", "value": "b"}
OTHER_TYPES = {"string": 7, "integer": "40", "boolean": "true", "string-list": "a", "object-list": "a"}
# For each common form: values that are refused, and a value that is accepted.
FORMS: dict[str, tuple[list[Any], Any]] = {
    "image-name": (["a/b", " a", "a ", "x" * 129], "x" * 128),
    "description": (["a\nb", "a\rb", "<", ">", "x" * 1025], "x" * 1024),
    "object-address": (["a", ":a", "images:", "images:a b", "Images:a.raw", "images:" + "x" * 1025], "images:b.raw"),
    "tags-native": ([[""], ["x" * 256], ["a"] * 11], ["x" * 255]),
    "tags-ims": ([[""], ["k" * 37], ["k." + "v" * 44], ["a=b"], ["a.b", "a.c"], [f"k{n}" for n in range(11)]],
                 ["k" * 36 + "." + "v" * 43, *(f"k{n}" for n in range(9))]),
    "image-tags": ([[{"key": "a", "value": "b"}] * 2, [{"key": f"k{n}", "value": ""} for n in range(11)]],
                   [{"key": "a", "value": "b"}]),
    "tag-key": (["", "k" * 37, "a b"], "k" * 36),
    "tag-value": (["v" * 44, "a b"], "v" * 43),
    "kms-key": (["x", ID[:-1]], ID),
    "enterprise-project-id": (["1", "x", ID[:-1]], ID),
    "json": (["{"], "{}"),
}


class Place:
    """A field of an operation: how a request looks that has a value there, and where that is."""

    def __init__(self, operation: str, path: tuple[str, ...], field: FieldSpec) -> None:
        self.operation, self.path, self.field = operation, path, field

    def __str__(self) -> str:
        return f"{self.operation} {'.'.join(self.path)}"

    @property
    def pointer(self) -> str:
        return "/" + "/0/".join(self.path)

    def request(self, **last: Any) -> dict[str, Any]:
        """Return a good request with these fields set beside, or in place of, the field; ``None`` leaves one out."""
        fields = self.fields()
        inner = self.minimal(fields[-1]) | last
        inner = {key: value for key, value in inner.items() if value is not None}
        for name, outer in zip(reversed(self.path[:-1]), reversed(fields[:-1]), strict=True):
            inner = self.minimal(outer) | {name: [inner]}
        return inner

    def fields(self) -> list[dict[str, FieldSpec]]:
        known = [PROFILE.operations[self.operation].documented(PROFILE.custom_properties)]
        for name in self.path[:-1]:
            known.append(known[-1][name].items)
        return known

    @staticmethod
    def minimal(fields: dict[str, FieldSpec]) -> dict[str, Any]:
        return {name: field.allowed[0] if field.allowed else VALUES[name]
                for name, field in fields.items() if field.mandatory}


def places() -> list[Place]:
    found = []
    for operation, known in PROFILE.operations.items():
        waiting = [((name,), field) for name, field in known.documented(PROFILE.custom_properties).items()]
        while waiting:
            path, field = waiting.pop(0)
            found.append(Place(operation, path, field))
            waiting += [((*path, name), item) for name, item in field.items.items()]
    return found


PLACES = places()
LAST = [pytest.param(place, id=str(place)) for place in PLACES]


def found_at(place: Place, body: dict[str, Any], pointer: str | None = None) -> list[str]:
    """Return the rules that find an error or a warning at a place, or below it."""
    document = jsontext.parse(json.dumps(body).encode())
    context = Context(operation=place.operation, document=document, body=document.value, request_path="r.json")
    where = place.pointer if pointer is None else pointer
    return [finding.rule for finding in linting.lint(BOOK, context)[0] if finding.severity != "note"
            and ((finding.subject.pointer or "") + "/").startswith(where + "/")]


def test_there_are_the_documented_fields():
    """The reference has 64 fields: these, image_id twice, the file itself, and any other key of the create call."""
    assert len([place for place in PLACES if len(place.path) == 1 and place.operation != "create-metadata"]) == 51
    created = [place.path[0] for place in PLACES if place.operation == "create-metadata"]
    assert len(created) == 9 + len(PROFILE.custom_properties) == 9 + 23


@pytest.mark.parametrize("place", LAST)
def test_another_type_is_found(place):
    name = place.path[-1]
    assert "ims-wrong-type" in found_at(place, place.request(**{name: OTHER_TYPES[place.field.type]}))
    if place.field.type.endswith("-list"):
        assert "ims-wrong-type" in found_at(place, place.request(**{name: [7]}))


@pytest.mark.parametrize("place", [param for param in LAST if param.values[0].field.mandatory])
def test_a_missing_field_is_found(place):
    assert "ims-field-missing" in found_at(place, place.request(**{place.path[-1]: None}))


@pytest.mark.parametrize(("place", "other", "value"), [
    pytest.param(place, other, value, id=f"{place} {other}") for place in PLACES
    for other, value in place.field.mandatory_if.items()])
def test_a_field_that_another_makes_mandatory_is_found(place, other, value):
    assert found_at(place, place.request(**{other: value}))
    assert not found_at(place, place.request(**{other: value, place.path[-1]: VALUES[place.path[-1]]}))


@pytest.mark.parametrize("place", [param for param in LAST if param.values[0].field.allowed])
def test_a_closed_list_is_closed(place):
    name, field = place.path[-1], place.field
    for value in field.allowed:
        assert not set(found_at(place, place.request(**{name: value}))) & VALUE_RULES, value
    if field.type == "string":
        for value in ("", "nonsense", str(field.allowed[0]) + " ", str(field.allowed[0]).swapcase()):
            if value not in field.allowed:
                assert found_at(place, place.request(**{name: value})), value


VALUE_RULES = {"ims-field-value", "ims-property-value", "ims-visibility-not-private", "ims-container-format-not-bare",
               "ims-disk-format-unknown", "ims-disk-format-of-another-page"}


def written(place: Place, number: int) -> Any:
    """Return a number as the field takes it: the additional properties are strings all of them."""
    return str(number) if place.field.type == "string" else number


@pytest.mark.parametrize("place", [
    param for param in LAST if (param.values[0].field.minimum, param.values[0].field.maximum) != (None, None)])
def test_a_range_has_ends(place):
    name, field = place.path[-1], place.field
    for last, past in ((field.minimum, -1), (field.maximum, 1)):
        if last is not None:
            assert not found_at(place, place.request(**{name: written(place, last)}))
            assert found_at(place, place.request(**{name: written(place, last + past)}))


@pytest.mark.parametrize("place", [param for param in LAST if param.values[0].field.max_items is not None])
def test_a_list_has_an_end(place):
    name, field = place.path[-1], place.field
    items = [Place.minimal(field.items) | {"image_url": f"images:{number}.raw"}
             for number in range(field.max_items + 1)]
    assert not found_at(place, place.request(**{name: items[:-1]}))
    assert found_at(place, place.request(**{name: items}))


@pytest.mark.parametrize("place", [param for param in LAST if param.values[0].field.format is not None])
def test_a_common_form_has_rules(place):
    name = place.path[-1]
    refused, accepted = FORMS[place.field.format]
    assert not found_at(place, place.request(**{name: accepted}))
    for value in refused:
        assert found_at(place, place.request(**{name: value})), value


def test_every_common_form_is_tried():
    assert {place.field.format for place in PLACES} - {None} == set(FORMS)


@pytest.mark.parametrize("place", [
    param for param in LAST if param.values[0].field.pattern is not None and param.values[0].field.format is None])
def test_a_pattern_is_asked_for(place):
    assert found_at(place, place.request(**{place.path[-1]: "?"}))


def test_a_length_belongs_to_a_form():
    assert [str(place) for place in PLACES if place.field.max_length is not None and place.field.format is None] == []


@pytest.mark.parametrize(("place", "other"), [
    pytest.param(place, other, id=f"{place} {other}") for place in PLACES for other in place.field.excludes])
def test_two_fields_that_exclude_each_other_are_found(place, other):
    field, others = place.field, place.fields()[-1]
    both = {place.path[-1]: field.allowed[0] if field.allowed else [],
            other: others[other].allowed[0] if others[other].allowed else []}
    assert "ims-properties-exclude-each-other" in found_at(place, place.request(**both))


@pytest.mark.parametrize("place", [
    param for param in LAST if param.values[0].path == ("min_disk",)])
def test_the_bounds_of_min_disk_are_asked_for(place):
    bounds = PROFILE.min_disk_of(place.operation)
    systems = {"linux": {}, "windows": {}}
    for key, value in (("__os_version", "Windows Server 2019 Standard 64bit"), ("os_type", "Windows"),
                       ("os_version", "Windows Server 2019 Standard 64bit")):
        if key in place.fields()[0]:
            systems["windows"][key] = value
    for system, more in systems.items():
        low, high = getattr(bounds.bounds, system)
        for value, good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
            assert (not found_at(place, place.request(min_disk=value, **more))) == good, (system, value)


@pytest.mark.parametrize("operation", [name for name, known in PROFILE.operations.items()
                                       if known.content_type == "application/json"])
def test_a_key_that_no_page_has_is_found(operation):
    for path in sorted({place.path[:-1] for place in PLACES if place.operation == operation}):
        place = Place(operation, (*path, "quite_another"), FieldSpec(type="string"))
        document = jsontext.parse(json.dumps(place.request(quite_another="x")).encode())
        context = Context(operation=operation, document=document, body=document.value, request_path="r.json")
        assert place.pointer in {finding.subject.pointer for finding in linting.lint(BOOK, context)[0]}


def test_parts_of_paths_have_a_form():
    paths = {(name, key): field for name, known in PROFILE.operations.items()
             for key, field in known.fields.items() if field.place == "path"}
    assert set(paths) == {("upload-file", "image_id"), ("register-file", "image_id")}
    for (operation, key), field in paths.items():
        template = PROFILE.operations[operation].path
        for value, rules in ((ID, []), (ID[:-1], ["ims-image-id-form"])):
            context = Context(operation=operation, body={"image_url": "images:a.raw"},
                              path=template.replace(f"{{{key}}}", value))
            assert [found.rule for found in linting.lint(BOOK, context)[0] if found.severity == "error"] == rules
        assert field.errors == ("IMG.0066",)
