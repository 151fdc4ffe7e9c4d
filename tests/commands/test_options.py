"""What the words of a command line become."""

from __future__ import annotations

import pytest
from caller import errors

from imgbuild.algorithms import ALGORITHMS
from imgbuild.choices import Choices, DataImage
from imgbuild.commands.options import OPTIONS, choices_of, settings_of
from imgbuild.commands.program import program
from imgbuild.errors import UsageError
from imgbuild.settings import Settings

NOTHING = {"name": None, "os_version": None, "min_disk": None, "min_ram": None, "tags": (), "protected": None,
           "visibility": None, "address": None, "data_images": (), "extra": ()}


@pytest.mark.parametrize(("words", "settings"), [
    ({}, Settings()),
    ({"cloud": "c", "operation": "o", "claim": "raw"}, Settings(cloud="c", operation="o", claim="raw")),
    ({"time_limit": 2.0, "min_disk_policy": "not-less"}, Settings(time_limit=2.0, min_disk_policy="not-less")),
    ({"select": ("a",), "ignore": ("b",)}, Settings(select=("a",), ignore=("b",))),
    ({"no_checksum": True}, Settings(checksums=None)),
    ({"checksums": ("SHA-512", "md5")}, Settings(checksums=("sha512", "md5"))),
    ({"verbose": True}, Settings(run_facts=True)),
    ({"run_facts": True}, Settings(run_facts=True)),
])
def test_settings(words, settings):
    assert settings_of(words) == settings


@pytest.mark.parametrize(("words", "message"), [
    ({"no_checksum": True, "checksums": ("md5",)},
     "--no-checksum and --checksum contradict each other (give one of them)"),
    ({"time_limit": float("nan")}, "--time-limit 'nan' is no time (give seconds)"),
    ({"checksums": ("crc32",)}, f"unknown checksum 'crc32': {', '.join(ALGORITHMS)} are known"),
])
def test_settings_that_contradict(words, message):
    with pytest.raises(UsageError) as caught:
        settings_of(words)
    assert str(caught.value) == message


def test_choices():
    assert choices_of(NOTHING) == Choices()
    words = {**NOTHING, "name": "web", "min_disk": 0, "tags": ("a=b", "c"), "protected": False,
             "extra": ("hw_disk_bus=scsi", "__description=a=b", "empty=")}
    assert choices_of(words) == Choices(name="web", min_disk=0, tags=("a=b", "c"), protected=False,
                                        extra={"hw_disk_bus": "scsi", "__description": "a=b", "empty": ""})


def test_places_in_the_object_store():
    words = {**NOTHING, "address": "images:web.raw", "data_images": ("a=b.raw=images:data/", "c.raw=images:c.raw")}
    assert choices_of(words) == Choices(address="images:web.raw", data_images=(
        DataImage(path="a=b.raw", address="images:data/"), DataImage(path="c.raw", address="images:c.raw")))


def test_several_images_are_not_one_object():
    folder = {**NOTHING, "address": "images:web/"}
    assert choices_of(folder, 2).address == "images:web/"
    with pytest.raises(UsageError) as caught:
        choices_of({**NOTHING, "address": "images:web.raw"}, 2)
    assert str(caught.value) == ("--object 'images:web.raw' is one file, but there are 2 images"
                                 " (name a folder: --object BUCKET:FOLDER/)")


@pytest.mark.parametrize("text", ["data.raw", "=images:data.raw", "data.raw=", "data.raw=images"])
def test_a_data_disk_needs_a_file_and_a_place(text):
    with pytest.raises(UsageError) as caught:
        choices_of({**NOTHING, "data_images": (text,)})
    assert str(caught.value) == (f"--data-image {text!r} names no file and no place"
                                 " (write --data-image FILE=BUCKET:KEY)")


@pytest.mark.parametrize(("extra", "message"), [
    (("key",), "--set 'key' has no value (write --set KEY=VALUE)"),
    (("=value",), "--set '=value' has no key (write --set KEY=VALUE)"),
    (("a=1", "a=2"), "--set names 'a' twice (give one of them)"),
])
def test_choices_that_cannot_be(extra, message):
    with pytest.raises(UsageError) as caught:
        choices_of({**NOTHING, "extra": extra})
    assert str(caught.value) == message


def test_a_claim_is_a_format_that_is_known():
    status, message = errors("inspect", __file__, "--claim", "jpeg")
    assert status == 2
    assert message.startswith("there is no image format 'jpeg' (known are raw, ")


def test_each_option_has_a_user():
    from imgbuild.commands import build, check, explain, inspect, lint, rules  # noqa: PLC0415 - names of functions

    modules = (inspect, build, lint, check, rules, explain)
    used = {parameter.name for module in modules for parameter in module.command.params}
    offered = {param.name for option in OPTIONS.values() for param in option(lambda: None).__click_params__}
    assert offered <= used


@pytest.mark.parametrize("words", [
    {"name": "b", "extra": ("name=a",)}, {"os_version": "b", "extra": ("__os_version=a",)},
    {"os_version": "b", "extra": ("os_version=a",)}, {"address": "b:c", "extra": ("image_url=b:d",)},
    {"tags": ("b",), "extra": ("tags=a",)}, {"protected": False, "extra": ("protected=1",)},
])
def test_an_option_and_a_set_of_one_field_contradict(words):
    with pytest.raises(UsageError, match="has an option that is given, too"):
        choices_of(NOTHING | words)


@pytest.mark.parametrize("name", ["inspect", "build", "lint", "check", "verify"])
def test_who_reads_an_image_can_be_allowed_what_a_message_offers(name):
    """A refusal says "--allow-device reads it", so the command must know that."""
    known = {word for option in program.get_command(None, name).params for word in option.opts}
    assert {"--allow-external", "--allow-device"} <= known
