from __future__ import annotations

import sys
from types import ModuleType

import pytest

from imgbuild.leanness import leave_out, let_in
from tests.program import run

IMPORTED = "import 'typing_extensions' # "
"""What Python says of an import where PYTHONVERBOSE is set."""


@pytest.mark.parametrize("words", [("rules", "--check"), ("explain", "IMG.0072")])
def test_the_program_does_not_import_it(words, tmp_path):
    ran = run(*words, folder=tmp_path, PYTHONVERBOSE="1")
    assert ran.status == 0
    assert "import 'msgspec' # " in ran.err
    assert IMPORTED not in ran.err


def test_html_has_it_where_htpy_needs_it(tmp_path):
    (tmp_path / "request.json").write_text('{"name": "disk"}')
    ran = run("lint", "request.json", "--format", "html", folder=tmp_path, PYTHONVERBOSE="1")
    assert ran.out.startswith("<!doctype html>")
    assert sys.version_info >= (3, 13) or IMPORTED in ran.err


def test_it_is_left_out_only_where_it_is_not_there(monkeypatch):
    module = ModuleType("typing_extensions")
    monkeypatch.setitem(sys.modules, "typing_extensions", module)
    leave_out()
    let_in()
    assert sys.modules["typing_extensions"] is module
    monkeypatch.delitem(sys.modules, "typing_extensions")
    leave_out()
    with pytest.raises(ModuleNotFoundError):
        __import__("typing_extensions")
    let_in()
    assert "typing_extensions" not in sys.modules
