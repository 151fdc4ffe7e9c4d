"""What is left of processes: whether this one has children, and the end of another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from program import WHERE

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30  # that a process on a busy machine may take to end


def has_children() -> bool:
    """Say whether this process has children, ended or not, that nobody has waited for."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def ends_with_its_parent(code: str, folder: Path) -> bool:
    """Run Python code that prints the number of its child and is killed; say whether the child ends then, too."""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False,
                          env={**os.environ, **WHERE})
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + SECONDS
    while os.path.exists(f"/proc/{int(done.stdout)}/fd"):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
