"""Start the programs that make images; the same everywhere, so that the same call gives the same bytes."""

from __future__ import annotations

import os
import subprocess

EPOCH = 1_700_000_000  # all times inside the images: 2023-11-14 22:13:20 UTC
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_STEADY = {
    "PATH": _PATH,
    "LC_ALL": "C",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "E2FSPROGS_FAKE_TIME": str(EPOCH),
    "MKE2FS_SKIP_PROGRESS": "1",
    "MTOOLS_SKIP_CHECK": "1",
    "MTOOLSRC": os.devnull,
    # mkfs.xfs makes file systems under 300 MiB for its own test suite only, which it knows by these three.
    "TEST_DIR": "1",
    "TEST_DEV": "1",
    "QA_CHECK_FS": "1",
}


def run(*command: object, stdin: str | None = None) -> str:
    """Run the program, return what it prints, and fail with what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **_STEADY}
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout
