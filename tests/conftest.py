"""What all tests share: where helpers are found, options, disks that are made once, golden files.

``--update-golden`` writes golden files anew; read their diff like code. ``--corpus DIR`` adds a test for each file that
``DIR/truth.json`` names. With ``IMGBUILD_NO_SKIPS`` set, as in ``.ci/run``, a skipped test is a failure.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

TESTS = Path(__file__).parent
SAMPLES = TESTS.parent / "samples"

# Helpers of all tests, and those beside the tests of a folder. Test modules themselves are imported by their path, so
# two folders may have one of the same name.
sys.path[:0] = [str(TESTS), *sorted({str(test.parent) for test in TESTS.glob("*/test_*.py")})]
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
# No deadline: a loaded machine is no failure. The same cases in every run of CI: a failure there can be repeated here.
settings.register_profile("steady", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("imgbuild")
    group.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing with them"
    )
    group.addoption("--corpus", type=Path, metavar="DIR", help="also test each file that DIR/truth.json names")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the corpus tests out unless a corpus is given: absent, not skipped."""
    return True if collection_path.name == "test_corpus.py" and config.getoption("corpus") is None else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where none may happen."""
    report = yield
    if os.environ.get("IMGBUILD_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and IMGBUILD_NO_SKIPS is set: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the raw disk of a layout by name (tests/images/disks.py); each is made once."""
    from images import disks  # noqa: PLC0415 - the folder is on the path since a moment only

    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = disks.build(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture(scope="session")
def iso(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the ISO of a kind by name (tests/images/isos.py); each is made once."""
    from images import isos  # noqa: PLC0415 - as above

    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            made[kind] = isos.build(kind, tmp_path_factory.mktemp(f"iso-{kind}"))
        return made[kind]

    return get


@pytest.fixture(scope="session")
def glance() -> str:
    """Give the address of the real Glance that was started for the tests (tests/glance/server)."""
    from tools import GLANCE, GLANCE_MISSING  # noqa: PLC0415 - as above

    return os.environ.get(GLANCE) or pytest.fail(GLANCE_MISSING)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, bytes], None]:
    """Compare bytes with a golden file, or write it anew under ``--update-golden``."""

    def compare(path: Path, actual: bytes) -> None:
        if request.config.getoption("--update-golden"):
            path.write_bytes(actual)
            return
        expected = path.read_bytes() if path.exists() else b""
        assert expected.decode() == actual.decode(), f"{path.name} differs; pytest --update-golden writes it anew"

    return compare
