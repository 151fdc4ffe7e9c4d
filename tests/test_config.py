"""Configuration: where it is looked for, what it may say, and what is refused with file and cure."""

from __future__ import annotations

import datetime as dt
import os

import pytest

from imgbuild.config import Config, ConfigError, Suppression, load

KNOWN = ("cloud", "fail-on", "time-limit", "baseline")


def written(folder, text, name="imgbuild.toml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def test_there_is_none(tmp_path):
    assert load(str(tmp_path), KNOWN) == Config()


def test_all_that_may_stand_there(tmp_path):
    found = load(str(written(tmp_path, """
cloud = "otc"
fail_on = "warning"
baseline = "known.json"
[request]
tags = ["team=blue"]
min_ram = 1024
[severity]
image-dirty = "error"
image-zstd = "off"
[[suppress]]
rule = "image-dirty"
reason = "it is repaired later"
path = "*.qcow2"
expires = 2027-01-31
""")), KNOWN)
    assert found.options == {"cloud": "otc", "fail-on": "warning", "baseline": str(tmp_path / "known.json")}
    assert found.request == {"tags": ["team=blue"], "min_ram": 1024}
    assert found.severity == {"image-dirty": "error", "image-zstd": "off"}
    assert found.suppress == (
        Suppression(rule="image-dirty", reason="it is repaired later", path="*.qcow2", expires=dt.date(2027, 1, 31)),)


def test_the_nearest_above_counts(tmp_path):
    written(tmp_path, 'cloud = "otc"')
    here = written(tmp_path / "a" / "b", "", "other.toml")
    assert load(str(here), KNOWN).options == {"cloud": "otc"}
    written(tmp_path / "a", 'cloud = "openstack"')
    assert load(str(here), KNOWN).options == {"cloud": "openstack"}


@pytest.mark.skipif(os.name != "posix", reason="there are neither modes nor owners")
@pytest.mark.parametrize(("mode", "counts"), [(0o755, True), (0o1777, False)])
def test_where_anybody_may_put_files_those_of_others_do_not_count(mode, counts, tmp_path, monkeypatch):
    here = written(tmp_path / "a", "", "other.toml")
    path = written(tmp_path, 'cloud = "otc"') / "imgbuild.toml"
    tmp_path.chmod(mode)
    assert load(str(here), KNOWN).options == {"cloud": "otc"}
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert load(str(here), KNOWN).options == ({"cloud": "otc"} if counts else {})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs")
def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "imgbuild.toml")
    with pytest.raises(ConfigError, match="is no regular file"):
        load(str(tmp_path), KNOWN)


def test_a_table_of_a_project(tmp_path):
    written(tmp_path, '[project]\nname = "x"\n[tool.imgbuild]\ncloud = "otc"\n', "pyproject.toml")
    assert load(str(tmp_path), KNOWN).options == {"cloud": "otc"}
    written(tmp_path, 'cloud = "openstack"')
    assert load(str(tmp_path), KNOWN).options == {"cloud": "openstack"}


@pytest.mark.parametrize("text", ['[project]\nname = "x"\n', "not TOML at all ["])
def test_a_project_that_says_nothing_of_imgbuild(tmp_path, text):
    written(tmp_path, 'cloud = "otc"')
    here = written(tmp_path / "project", text, "pyproject.toml")
    assert load(str(here), KNOWN).options == {"cloud": "otc"}


@pytest.mark.parametrize(("text", "message"), [
    ("cloud = ", "is no TOML: Invalid value (at end of document) (mend it at that place)"),
    ('clowd = "otc"', "there is no option 'clowd' (did you mean 'cloud'?)"),
    ("zzz = 1", "there is no option 'zzz' (imgbuild config lists them)"),
    ('[severity]\nimage-dirty = "fatal"',
     "Invalid enum value 'fatal' - at `$.severity[...]` (imgbuild config --help says what may stand there)"),
    ('[[suppress]]\nrule = "image-dirty"',
     "Object missing required field `reason` - at `$.suppress[0]` (imgbuild config --help says what may stand there)"),
    ('[[suppress]]\nrule = "image-dirty"\nreason = " "', "the suppression of 'image-dirty' has no reason (say why)"),
    ("baseline = 7", "baseline is no path (write it in quotation marks)"),
])
def test_what_is_refused(tmp_path, text, message):
    written(tmp_path, text)
    with pytest.raises(ConfigError) as failure:
        load(str(tmp_path), KNOWN)
    said = str(failure.value).removeprefix(repr(str(tmp_path / "imgbuild.toml"))).lstrip(": ")
    assert said == message


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "imgbuild.toml").mkdir()
    with pytest.raises(ConfigError, match=r"is no regular file"):
        load(str(tmp_path), KNOWN)


def test_a_file_without_end(tmp_path):
    (tmp_path / "imgbuild.toml").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="is no regular file"):
        load(str(tmp_path), KNOWN)


def test_a_file_that_is_too_large(tmp_path):
    (tmp_path / "imgbuild.toml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match=r"has over 1048576 bytes"):
        load(str(tmp_path), KNOWN)
