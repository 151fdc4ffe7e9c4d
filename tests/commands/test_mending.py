"""``imgbuild lint --fix`` and ``--diff``: files, streams and exit status."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from caller import call, errors
from tools import needs

from imgbuild.commands import mending

WRONG = b'{\r\n  "name": "web",\r\n  "min_disk": "40",\r\n  "tags": ["a", "a"]\r\n}'
RIGHT = b'{\r\n  "name": "web",\r\n  "min_disk": 40,\r\n  "tags": ["a"]\r\n}'
PATCH = ('--- r.json\n+++ r.json\n@@ -1,5 +1,5 @@\n {\r\n   "name": "web",\r\n-  "min_disk": "40",\r\n'
         '-  "tags": ["a", "a"]\r\n+  "min_disk": 40,\r\n+  "tags": ["a"]\r\n }\n\\ No newline at end of file\n')
BROKEN = b'{"min_disk": "40",}'


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "r.json"
    path.write_bytes(WRONG)
    return path


def test_fix_mends_the_file_and_reports_what_is_left(file):
    file.chmod(0o640)
    result = call("lint", "--fix", "r.json")
    assert (result.exit_code, file.read_bytes(), file.stat().st_mode & 0o777) == (0, RIGHT, 0o640)
    assert "ims-os-version-missing" in result.stdout
    assert "ims-wrong-type" not in result.stdout
    assert '-  "min_disk": "40",\\r\n' in result.stderr
    assert os.listdir() == ["r.json"]


def test_fix_follows_a_link(file):
    (file.parent / "link.json").symlink_to("r.json")
    call("lint", "--fix", "link.json")
    assert (file.parent / "link.json").is_symlink()
    assert file.read_bytes() == RIGHT


def test_fix_mends_all_names_of_a_file_and_says_so(file):
    other = file.parent / "other.json"
    other.hardlink_to(file)
    result = call("lint", "--fix", "r.json")
    assert (file.read_bytes(), other.read_bytes(), file.stat().st_nlink) == (RIGHT, RIGHT, 2)
    assert "imgbuild: r.json has 2 names (hard links): it is mended under each\n" in result.stderr
    assert sorted(os.listdir()) == ["other.json", "r.json"]
    assert call("lint", "--fix", "-q", "r.json").stderr == ""


def test_a_shorter_text_leaves_nothing_of_the_old_one_behind(file):
    (file.parent / "other.json").hardlink_to(file)
    call("lint", "--fix", "-q", "r.json")
    assert len(RIGHT) < len(WRONG)
    assert file.read_bytes() == RIGHT


def test_what_cannot_be_mended_in_place_is_kept_beside(file, monkeypatch):
    (file.parent / "other.json").hardlink_to(file)
    written = []

    def fails_at_the_second(number):
        written.append(number)
        if len(written) > 1:
            raise OSError(28, "No space left on device")

    file.chmod(0o600)
    monkeypatch.setattr("imgbuild.commands.files.os.fsync", fails_at_the_second)
    status, message = errors("lint", "--fix", "r.json")
    (kept,) = set(os.listdir()) - {"other.json", "r.json"}
    assert status == 3
    assert message.startswith("cannot write 'r.json': No space left on device (its old text is in '")
    assert message.endswith(f"{kept}')")
    assert ((file.parent / kept).read_bytes(), (file.parent / kept).stat().st_mode & 0o777) == (WRONG, 0o600)


def test_what_is_left_decides_the_status(file):
    file.write_bytes(b'{"min_disk": "2000"}')
    assert call("lint", "--fix", "r.json").exit_code == 1
    assert file.read_bytes() == b'{"min_disk": 2000}'


def test_nothing_to_mend_writes_nothing(file):
    file.write_bytes(RIGHT)
    before = file.stat()
    result = call("lint", "--fix", "r.json")
    assert (result.stderr, file.stat().st_ino, file.stat().st_mtime_ns) == ("", before.st_ino, before.st_mtime_ns)


@pytest.mark.usefixtures("file")
def test_json_says_how_much_is_mended_and_how_much_could_be():
    assert json.loads(call("lint", "--format", "json", "r.json").stdout)["fixable"] == 2
    document = json.loads(call("lint", "--fix", "--format", "json", "r.json").stdout)
    assert (document["fixed"], "fixable" in document) == (2, False)


def test_text_says_how_to_mend(file):
    assert "2 findings can be mended: imgbuild lint --fix r.json\n" in call("lint", "r.json").stdout
    assert file.read_bytes() == WRONG


@pytest.mark.usefixtures("file")
def test_a_finding_says_what_would_be_written():
    findings = json.loads(call("lint", "--format", "json", "r.json").stdout)["findings"]
    assert [finding["fix"] for finding in findings if "fix" in finding] == [
        {"action": "set", "pointer": "/min_disk", "value": 40}, {"action": "remove", "pointer": "/tags/1"}]


def test_quiet_shows_no_patch(file):
    assert call("lint", "--fix", "-q", "r.json").stderr == ""
    assert file.read_bytes() == RIGHT


def test_diff_prints_the_patch_and_nothing_else(file):
    result = call("lint", "--diff", "r.json")
    assert (result.exit_code, result.stdout_bytes.decode(), file.read_bytes()) == (1, PATCH, WRONG)
    assert result.stderr == "imgbuild: 2 findings would be mended; 0 errors, 1 warning, 0 notes left\n"


@pytest.mark.parametrize("data", [RIGHT, b'{"min_disk": 2000}', BROKEN, b""])
def test_diff_of_what_stays_is_empty_and_good_whatever_is_found(data, file):
    file.write_bytes(data)
    result = call("lint", "--diff", "r.json")
    assert (result.exit_code, result.stdout) == (0, "")


@needs("patch")
def test_the_real_patch_takes_it(file):
    call("lint", "--diff", "r.json", "-o", "report.txt")
    patch = call("lint", "--diff", "r.json").stdout_bytes
    subprocess.run(["patch", "--binary", "-s", "-p0"], input=patch, check=True)
    assert file.read_bytes() == RIGHT


@needs("git")
def test_git_takes_it(file):
    patch = call("lint", "--diff", "r.json").stdout_bytes
    subprocess.run(["git", "apply", "-p0", "--whitespace=nowarn", "-"], input=patch, check=True)
    assert file.read_bytes() == RIGHT


@pytest.mark.parametrize(("data", "mended", "status"), [
    (WRONG, RIGHT, 0), (RIGHT, RIGHT, 0), (BROKEN, BROKEN, 1), (b"\xff{", b"\xff{", 1), (b"", b"", 1),
    (b"{}".ljust(2 << 20), b"", 1)])
def test_standard_input_goes_to_standard_output(data, mended, status):
    result = call("lint", "--fix", "-", stdin=data)
    assert (result.exit_code, result.stdout_bytes) == (status, mended)
    assert result.stderr.count("\n") == 1


def test_a_report_may_go_to_a_file_beside(file):
    result = call("lint", "--fix", "-", "--format", "json=report.json", "--fail-on", "never", stdin=WRONG)
    assert (result.exit_code, result.stdout_bytes, result.stderr) == (0, RIGHT, "")
    assert json.loads((file.parent / "report.json").read_bytes())["fixed"] == 2


@pytest.mark.parametrize("data", [BROKEN, b"[]", b"\xff"])
def test_a_text_that_is_no_json_is_a_finding_and_stays(data, file):
    file.write_bytes(data)
    result = call("lint", "--fix", "r.json")
    assert (result.exit_code, result.stderr, file.read_bytes()) == (1, "", data)


def test_only_what_is_asked_for_is_mended(file):
    call("lint", "--fix", "--select", "ims-tag-repeated", "r.json")
    assert file.read_bytes() == WRONG.replace(b'["a", "a"]', b'["a"]')


def test_what_is_accepted_is_not_mended(file):
    (file.parent / "imgbuild.toml").write_text('[[suppress]]\nrule = "ims-wrong-type"\nreason = "a test"\n')
    call("lint", "--fix", "r.json")
    assert file.read_bytes() == WRONG.replace(b'["a", "a"]', b'["a"]')


@pytest.mark.parametrize(("words", "status", "message"), [
    (("--fix", "--diff"), 2, "--fix and --diff contradict each other (--diff shows what --fix would do)"),
    (("--diff", "--format", "json"), 2,
     "the patch and a report both go to standard output (give the report a file: -o FILE)"),
    (("--fix", "-o", "r.json"), 2, "the output 'r.json' is the input 'r.json' (name another file)")])
def test_words_that_contradict(words, status, message, file):
    assert errors("lint", "r.json", *words) == (status, message)
    assert file.read_bytes() == WRONG


def test_a_file_that_changes_meanwhile_is_left_alone(file, monkeypatch):
    reads = iter([WRONG, RIGHT])
    monkeypatch.setattr(mending, "read_request", lambda _: next(reads))
    assert errors("lint", "--fix", "r.json") == (3, "'r.json' was changed while it was looked at (run it again)")
    assert file.read_bytes() == WRONG


def test_a_read_only_file_is_left_alone(file, monkeypatch):
    monkeypatch.setattr(mending.os, "access", lambda *_: False)
    assert errors("lint", "--fix", "r.json") == (
        3, "cannot write 'r.json': it is read-only (--diff shows what would change)")
    assert file.read_bytes() == WRONG
