"""The bar on standard error while a large file is hashed: speed and time left. Silent where nobody watches."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from imgbuild.reports.escape import visible
from imgbuild.sizes import MIB

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LARGE = 64 * MIB


class Bar:
    """Draws the progress of one file after the other."""

    def __init__(self) -> None:
        self._drawn: Progress | None = None
        self._task: TaskID | None = None

    def start(self, path: str, size: int) -> None:
        """Begin with a file of ``size`` bytes; a small one gets no bar."""
        if size < LARGE:
            return
        from rich import progress  # noqa: PLC0415 - it costs more than a small file
        from rich.console import Console  # noqa: PLC0415 - as above

        self._drawn = progress.Progress(
            progress.TextColumn("{task.description}", markup=False), progress.BarColumn(),
            progress.TaskProgressColumn(), progress.TransferSpeedColumn(), progress.TimeRemainingColumn(),
            transient=True, console=Console(stderr=True, markup=False, highlight=False, emoji=False))
        self._drawn.start()
        self._task = self._drawn.add_task(visible(os.path.basename(path)), total=size)

    def advance(self, count: int) -> None:
        """Say that ``count`` more bytes are done."""
        if self._drawn is not None and self._task is not None:
            self._drawn.advance(self._task, count)

    def finish(self) -> None:
        """Take the bar away."""
        if self._drawn is not None:
            self._drawn.stop()
        self._drawn = self._task = None


def bar(*, quiet: bool) -> Bar | None:
    """Return a bar where standard error is a terminal that can take it away again, and nobody asked for quiet."""
    if quiet or sys.stderr is None or os.environ.get("TERM") == "dumb":
        return None
    return Bar() if sys.stderr.isatty() else None
