"""The library's names, ``imgbuild/__init__.py``: each is there, and nothing else is made up."""

from __future__ import annotations

import pytest

import imgbuild


@pytest.mark.parametrize("name", imgbuild.__all__)
def test_every_name_leads_to_what_it_names(name):
    found = getattr(imgbuild, name)
    assert isinstance(found, str) if name == "__version__" else (found.__name__, bool(found.__doc__)) == (name, True)


@pytest.mark.parametrize("command", ["inspect", "build", "lint", "check", "verify", "diff"])
def test_each_command_on_what_people_have_is_a_function(command):
    assert command in imgbuild.__all__


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match=r"^module 'imgbuild' has no attribute 'inspekt'$"):
        imgbuild.__getattr__("inspekt")
