"""The examples for pipelines: hooks that pre-commit runs, CI files by their schemas, the commands in them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from caller import call
from program import HOME
from tools import needs

from imgbuild import hooks

ROOT = Path(__file__).parent.parent
CI = ROOT / "samples" / "ci"
IMAGE = ROOT / "samples" / "debian-12-tiny.qcow2"
GOOD, BAD = ROOT / "samples/requests/debian-12-tiny.json", ROOT / "samples/requests/wrong-types.json"
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def tool(name, *words, folder=ROOT, **environment):
    """Run a Python tool of the tests' own environment."""
    return subprocess.run([Path(sys.executable).parent / name, *map(str, words)], cwd=folder, capture_output=True,
                          text=True, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize(("schema", "file"), [("vendor.github-workflows", "github.yml"),
                                              ("vendor.gitlab-ci", "gitlab.yml")])
def test_the_schema_of_the_service_takes_it(schema, file):
    done = tool("check-jsonschema", "--builtin-schema", schema, CI / file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_container_file_has_no_fault():
    done = tool("hadolint", CI / "Containerfile")
    assert (done.returncode, done.stdout) == (0, "")


def commands():
    """Yield the lines that the examples run."""
    github = yaml.safe_load((CI / "github.yml").read_text())
    for step in github["jobs"]["check"]["steps"]:
        yield "github", step.get("run", "")
    for name, job in yaml.safe_load((CI / "gitlab.yml").read_text()).items():
        if isinstance(job, dict) and "script" in job and name != "default":
            yield from (("gitlab", line) for line in job["script"])
    yield "container", re.search(r"imgbuild check .*$", (CI / "Containerfile").read_text(), re.MULTILINE)[0]


@pytest.mark.parametrize("service", ["github", "gitlab", "container"])
def test_the_commands_in_it_run(service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(IMAGE, "disk.qcow2")
    lines = [line for of, line in commands() if of == service and line.startswith("imgbuild ")]
    assert lines
    for line in lines:
        result = call(*shlex.split(line)[1:])
        assert result.exit_code == 0, result.output
    if service == "github":
        assert json.loads(Path("imgbuild.sarif").read_text())["version"] == "2.1.0"
        assert Path("summary.md").read_text().startswith("#")
    if service == "gitlab":
        assert Path("junit.xml").read_text().startswith("<?xml")
        assert Path("report.html").exists()


def test_files_that_are_kept_are_written():
    """Each file that a step uploads is one that a command before it writes."""
    github = yaml.safe_load((CI / "github.yml").read_text())["jobs"]["check"]["steps"]
    words = " ".join(step.get("run", "") for step in github)
    kept = [name for step in github for name in step.get("with", {}).get("path", "").split()]
    kept += [step["with"]["sarif_file"] for step in github if "sarif_file" in step.get("with", {})]
    assert kept
    assert [name for name in kept if name not in words] == []


def test_pre_commit_takes_the_hooks():
    done = tool("pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("hook", "takes", "leaves"), [
    ("imgbuild-lint", ["request.json", "a/create-request.json", "requests/x.request.json", "request-1.json"],
     ["requester/a.json", "request.yaml", "package.json"]),
    ("imgbuild-verify", ["manifest.json", "a/disk.manifest.json", "manifest-1.json"], ["a.json", "manifest.yml"])])
def test_a_hook_is_for_files_of_its_kind(hook, takes, leaves):
    files = next(entry["files"] for entry in HOOKS if entry["id"] == hook)
    assert [name for name in takes if not re.search(files, name)] == []
    assert [name for name in leaves if re.search(files, name)] == []


@pytest.fixture
def repository(tmp_path):
    """A repository with a good and a bad request, and one that has the hooks as they are here, run by this Python."""
    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True,
                       capture_output=True)

    git("init", "-q")
    shutil.copy(GOOD, tmp_path / "good-request.json")
    shutil.copy(BAD, tmp_path / "bad-request.json")
    local = [{**hook, "language": "system", "entry": hook["entry"].replace("python", sys.executable, 1)}
             for hook in HOOKS]
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": local}]}))
    git("add", ".")
    return tmp_path


@needs("git")
def test_pre_commit_runs_them(repository):
    """The hook's own words, by pre-commit itself; only that nothing is installed for it is another way than users'."""
    words = ("run", "imgbuild-lint", "--files")
    home = {"PYTHONPATH": str(HOME), "PRE_COMMIT_HOME": str(repository / ".cache"), "NO_COLOR": "1"}
    good = tool("pre-commit", *words, "good-request.json", folder=repository, **home)
    assert (good.returncode, "Passed" in good.stdout) == (0, True), good.stdout
    both = tool("pre-commit", *words, "good-request.json", "bad-request.json", folder=repository, **home)
    assert (both.returncode, "Failed" in both.stdout) == (1, True), both.stdout
    assert "bad-request.json -> huaweicloud" in both.stdout


SPLIT = [  # words, the options, the files
    (["lint", "a.json", "b.json"], [], ["a.json", "b.json"]),
    (["lint", "--ignore", "x", "a.json"], ["--ignore", "x"], ["a.json"]),
    (["lint", "-q", "--cloud=otc", "a", "b", "c"], ["-q", "--cloud=otc"], ["a", "b", "c"]),
    (["verify", "a", "b", "c"], [], ["a", "b", "c"]), (["lint", "--ignore"], ["--ignore"], []),
    (["lint", "-q"], ["-q"], []), (["frob", "a"], ["a"], [])]


@pytest.mark.parametrize(("words", "options", "files"), SPLIT)
def test_files_are_told_from_the_values_of_options(words, options, files):
    assert hooks.split(words[0], words[1:]) == (options, files)


def test_the_worst_status_is_that_of_the_hook(capsys):
    assert hooks.main(["lint", "-q", str(GOOD), str(BAD), str(GOOD)]) == 1
    assert capsys.readouterr().out.count("-> huaweicloud") == 3
    assert hooks.main(["lint", "-q", str(GOOD)]) == 0
    assert hooks.main(["lint", "-q", str(BAD), "absent"]) == 3
    assert hooks.main(["lint", "--ignore"]) == 2
    assert hooks.main(["frob", "a"]) == 2


def test_hooks_without_a_word_say_what_is_missing(capsys):
    assert hooks.main([]) == 2
    assert capsys.readouterr().err == (
        "imgbuild: no command is named (python -m imgbuild.hooks COMMAND [OPTION...] FILE...)\n")
