"""QED, QEMU's enhanced disk: a file that begins with ``QED``; ``container.py`` opens it, and qemu reads its content.

Document: "QED Image File Format Specification", https://www.qemu.org/docs/master/interop/qed_spec.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.formats.base import Format, opened_by

if TYPE_CHECKING:
    from imgbuild.formats.base import Probe


def matches(probe: Probe) -> bool:
    """Say whether the file begins as QED does."""
    return probe.head.startswith(b"QED\0")


FORMAT = Format("qed", "QEMU enhanced disk (QED)", ("qed",), matches, opened_by(__name__, "open_qed"))
