"""The one place that chooses the library that inflates: isal where the machine has it, else the standard zlib.

isal takes half as long, and says other words of what is damaged: where those are shown, zlib is asked again. It also
takes a few streams that zlib refuses, with distance codes that are not complete or a header that asks for a larger
window: one bit in some thousands that flip makes such a stream.
"""

from __future__ import annotations

from typing import Any


def library() -> Any:  # noqa: ANN401 - one of two modules with one interface
    """Return the module."""
    try:
        from isal import isal_zlib  # noqa: PLC0415 - only where something is to be inflated
    except ImportError:  # no wheel for this machine
        import zlib  # noqa: PLC0415 - as above

        return zlib
    return isal_zlib
