"""How old the kernel that boots is: readiness checks on its version.

Installing Native KVM Drivers, OTC (source otc-kvm of the rules): virtio came with 2.6.25; several queues for a network
interface with 2.6.35 (otc-multiqueue).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgbuild.guests.osrelease import clean
from imgbuild.guests.readiness.base import Answer, View, failed, passed, place, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

_AFTER = (2, 6, 24)
_MULTIQUEUE = (2, 6, 35)


def version(view: View) -> Answer:
    """lin_kernel_version: the kernel is later than 2.6.24."""
    return _compare(view, lambda numbers: numbers > _AFTER, "later than 2.6.24")


def multiqueue(view: View) -> Answer:
    """lin_multiqueue: the kernel can use several queues of a network interface, from 2.6.35 on."""
    return _compare(view, lambda numbers: numbers >= _MULTIQUEUE, "2.6.35 or later")


def _compare(view: View, suits: Callable[[tuple[int, ...]], bool], wanted: str) -> Answer:
    kernel = next((known for known in view.kernels if known.version), None)
    numbers = _numbers(kernel.version) if kernel is not None and kernel.version else ()
    if kernel is None or not numbers:
        return unknown("no kernel was found whose version is known")
    shown = kernel.image or kernel.modules or ""
    if suits(numbers):
        return passed(f"kernel {kernel.version} is {wanted}", clean(shown))
    return failed(f"kernel {kernel.version} is not {wanted}", [place(shown)])


def _numbers(text: str) -> tuple[int, ...]:
    match = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    return tuple(int(number or 0) for number in match.groups()) if match else ()
