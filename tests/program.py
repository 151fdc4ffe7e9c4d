"""Run imgbuild as people do: in a process of its own, from a folder that holds nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imgbuild

HOME = Path(imgbuild.__file__).parent.parent
INSTALLED = "site-packages" in HOME.parts
WHERE = {} if INSTALLED else {"PYTHONPATH": str(HOME)}


@dataclass(frozen=True)
class Result:
    """What a run left: exit status, standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


def run(*words: object, folder: Path, stdin: str = "", timeout: float = 60, **environment: str) -> Result:
    """Run ``imgbuild WORDS`` in ``folder``; ``environment`` is added to the variables."""
    variables = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", **WHERE, **environment}
    done = subprocess.run([sys.executable, "-m", "imgbuild", *map(str, words)], cwd=folder, env=variables, input=stdin,
                          capture_output=True, text=True, timeout=timeout, check=False)
    return Result(done.returncode, done.stdout, done.stderr)
