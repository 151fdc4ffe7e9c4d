"""Choices become values as the operation documents them, and what does not fit stays as it was given."""

import pytest

from imgbuild import rulebook
from imgbuild.choices import Choices, chosen_values, typed

PROFILE = rulebook.load().profile


def values(operation, **choices):
    fields = PROFILE.operations[operation].documented(PROFILE.custom_properties)
    return chosen_values(Choices(**choices), fields)


@pytest.mark.parametrize(("operation", "key"), [
    ("create-metadata", "__os_version"), ("action", "os_version"), ("quickimport-system", "os_version"),
    ("dataimage", "__os_version")])
def test_the_os_version_has_the_key_of_the_call(operation, key):
    assert values(operation, os_version="Other(64 bit)") == {key: "Other(64 bit)"}


@pytest.mark.parametrize(("operation", "tags"), [
    ("create-metadata", ["team=web", "a.b=c", "plain", "a=b=c"]),
    ("action", ["team.web", "a.b=c", "plain", "a.b=c"]),
])
def test_tags_have_the_form_of_the_call(operation, tags):
    assert values(operation, tags=("team=web", "a.b=c", "plain", "a=b=c"))["tags"] == tags


@pytest.mark.parametrize(("value", "name", "text"), [
    (40, "min_disk", "40"), (-1, "min_disk", "-1"), ("4e1", "min_disk", "4e1"), ("", "min_disk", ""),
    (True, "is_quick_import", "true"), (False, "is_config", "false"), ("True", "is_config", "True"),
    (["a.b", "c"], "tags", "a.b,c"), (["a,b"], "tags", '["a,b"]'), (["[a"], "tags", '["[a"]'), ([], "tags", ""),
    ([{"key": "a", "value": "b"}], "image_tags", '[{"key": "a", "value": "b"}]'),
    ("[{", "image_tags", "[{"), ("a.b", "image_tags", "a.b"), ("[NaN]", "tags", "[NaN]"),
    ("[" * 5000, "data_images", "[" * 5000), ("7", "mine", "7"), ("images:a.raw", "image_url", "images:a.raw"),
])
def test_set_is_typed_as_documented(value, name, text):
    assert typed(text, PROFILE.operations["action"].fields.get(name)) == value


def test_nothing_chosen_is_nothing():
    assert values("action") == {}
