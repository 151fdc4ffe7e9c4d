"""What is shipped: the wheel holds all that the program needs, and it runs where nothing of the checkout is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path

import program
import pytest

import imgbuild

ROOT = Path(__file__).parent.parent
LEFT_BEHIND = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis")
SAMPLE = ROOT / "samples" / "debian-12-tiny.qcow2"


def pip(*words: object, cwd: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)], cwd=cwd,
                          capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """Copy what git has, without what a run leaves behind."""
    target = tmp_path_factory.mktemp("checkout") / "imgbuild"
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    return target


@pytest.fixture(scope="module")
def sdist(checkout, tmp_path_factory) -> Path:
    """Build the source distribution through the build backend itself, as pip has no command for it."""
    folder = tmp_path_factory.mktemp("sdist")
    environment = tmp_path_factory.mktemp("backend")
    pip("install", "--target", environment, "hatchling>=1.27", cwd=checkout)
    code = f"import hatchling.build; hatchling.build.build_sdist({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=checkout, check=True, capture_output=True, timeout=300,
                   env={**os.environ, "PYTHONPATH": str(environment)})
    return next(folder.glob("imgbuild-*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """Build the wheel from the source distribution: what works from there works from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "-w", folder, sdist, cwd=folder)
    return next(folder.glob("imgbuild-*.whl"))


def test_what_is_tested_is_what_was_installed():
    # A developer may test the checkout; .ci/run sets the variable.
    if os.environ.get("IMGBUILD_TEST_INSTALLED"):
        assert "site-packages" in Path(imgbuild.__file__).parts


def test_the_version_is_that_of_the_metadata():
    if program.INSTALLED:
        assert version("imgbuild") == imgbuild.__version__


def test_the_wheel_holds_rules_types_and_the_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        scripts = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    packs = {path.relative_to(ROOT / "rules") for path in (ROOT / "rules").rglob("*.toml")}
    assert {f"imgbuild/_rules/{path}" for path in packs} <= names
    assert "imgbuild/_rules/README.md" in names
    assert [name for name in names if "_rules/pages" in name] == []
    assert "imgbuild/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "imgbuild = imgbuild.__main__:main" in scripts


def test_the_wheel_holds_the_tables_of_every_pack_file(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for pack in (ROOT / "rules").rglob("*.toml"):
            compiled = json.loads(archive.read(f"imgbuild/_rules/{pack.relative_to(ROOT / 'rules')}.json"))
            assert compiled == {"crc32": zlib.crc32(pack.read_bytes()), "tables": tomllib.loads(pack.read_text())}


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name and "/_rules/" not in name}
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "imgbuild").rglob("*") if path.is_file()}
    assert names == {name for name in ours if "__pycache__" not in name}


def test_the_source_distribution_holds_tests_and_samples(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    documents = {"README.md", "CHANGELOG.md", "LICENSE"}
    assert documents | {"tests/conftest.py", "samples/debian-12-tiny.qcow2", ".ci/run"} <= names


def test_the_wheel_checks_a_sample_from_an_empty_folder(wheel, tmp_path):
    home, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    venv.create(home, with_pip=True)
    bin_folder = home / "bin"
    subprocess.run([bin_folder / "pip", "install", "-q", "--disable-pip-version-check", wheel], check=True, timeout=300)
    command = bin_folder / "imgbuild"

    shown = subprocess.run([command, "--version"], cwd=empty, capture_output=True, text=True, check=True)
    assert imgbuild.__version__ in shown.stdout
    check = subprocess.run([command, "check", SAMPLE], cwd=empty, capture_output=True, text=True, check=False)
    assert (check.returncode, check.stderr) == (0, "")
    assert "debian-12-tiny.qcow2" in check.stdout
    assert list(empty.iterdir()) == []
