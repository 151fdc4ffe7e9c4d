"""The witness: what qemu-img says of an image.

An inspection and the open descriptor come in, a :class:`Witness` leaves; that qemu-img is missing, refuses the image or
dies over it is a fact and never an exception.

It is always told the format, because probing is what CVE-2010-3851 and CVE-2024-32498 were made of, and it is not asked
where our own reader objects to the container. What that finds later, while it reads the guest, is nothing that
``qemu-img info`` looks at, but an answer that was given before then does not count. It opens no backing file. See
https://www.qemu.org/docs/master/tools/qemu-img.html
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from imgbuild.documents.run import Witness
from imgbuild.qemu.process import CPU_SECONDS, NoAnswerError, find, run
from imgbuild.sizes import ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgbuild.documents.inspection import Inspection

# Our names, qemu's names. An ISO is a raw disk to qemu; it knows neither ZVHD nor ZVHD2.
FORMATS = {"raw": "raw", "iso": "raw", "qcow2": "qcow2", "vhd": "vpc", "vmdk": "vmdk", "vhdx": "vhdx", "vdi": "vdi",
           "qcow": "qcow", "qed": "qed", "parallels": "parallels"}

# Objections of our readers that are no danger to others: on sizes that differ, on what is inside the disk. With any
# other one qemu-img does not get to see the image; one that is missing here costs an opinion and no more.
HARMLESS = frozenset({
    "content-unread", "extended-l2", "extension-mismatch", "filesystem-feature-unknown", "filesystem-truncated",
    "filesystem-unreadable", "gpt-backup-not-at-end", "gpt-copies-differ", "gpt-duplicate-partition-id",
    "gpt-hybrid-mbr", "gpt-large-blocks", "gpt-leftover", "gpt-past-end", "gpt-protective-mbr-missing", "lvm-past-end",
    "lvm-pv-missing", "lvm-unsupported-segment", "mbr-several-active", "needs-check", "nothing-inside",
    "partition-overlap", "partition-past-end", "size-over-whole-gib", "snapshots", "unaligned-size",
    "vhd-size-differs-from-chs", "vhd-spare-table-entries", "zstd-compression",
})

# What speaks against the words around a file and not against the file. qemu-img is told the format that it has.
OF_WORDS = frozenset({"claim-contradicted", "extension-contradicted"})

_SECTOR = 512


class Descriptor(Protocol):
    """A file that is open for reading."""

    @property
    def descriptor(self) -> int:
        """Its number in this process."""
        ...


def prepare() -> None:
    """Import what starts qemu-img, which takes 5 ms, in time that nobody waits for."""
    for module in ("subprocess", "imgbuild.sandbox.program") if find() else ():
        import_module(module)


@cache
def version() -> str | None:
    """Return the version that qemu-img gives (``7.2.22``), or ``None`` where it is not installed or not working."""
    if find() is None:
        return None
    try:
        words = run(["--version"], None, timeout=CPU_SECONDS)[0].split()
    except NoAnswerError:
        return None
    return words[2].decode("ascii", "replace") if words[1:2] == [b"version"] and words[2:] else None


def witness(image: Inspection, source: Descriptor, *, timeout: float = 30.0, probe: bool = False,
            named: bool = True) -> Witness:
    """Return what qemu-img says of the image under our format; ``timeout`` in seconds of the clock.

    With ``probe`` it is also asked what it takes the file for when it is not told. Without ``named`` it is asked for
    its version, which takes a run of its own, only where it gives no answer.
    """
    found = version() if named else None
    if find() is None or (named and found is None):
        return Witness()
    reason = _reason_not_to_ask(image)
    if reason is not None:
        return Witness(found=found, error=reason, failure="not-asked")
    try:
        told, held = _info(source, ["-f", FORMATS[image.format or ""]], timeout)
    except NoAnswerError as failed:
        found = version()
        if found is None:  # it does not work at all
            return Witness()
        return Witness(found=found, error=str(failed), failure=failed.failure, sandbox=failed.sandbox)
    return Witness(found=found, format=told["format"], virtual_size=told["virtual-size"], sandbox=held,
                   probed=_probed(source, timeout) if probe else None)


def _probed(source: Descriptor, timeout: float) -> str | None:
    """Return what qemu-img takes the file for when it is not told: a fact, and ``None`` where it does not say."""
    try:
        return str(_info(source, [], timeout)[0]["format"])
    except NoAnswerError:
        return None


def _reason_not_to_ask(image: Inspection) -> str | None:
    if image.format not in FORMATS:
        return f"not asked: qemu-img does not know {image.format or 'what is not recognised'}"
    objections = [problem.code for problem in image.problems if problem.code not in HARMLESS | OF_WORDS]
    return f"has no say: our own reader objects ({objections[0]})" if objections else None


def heard(image: Inspection, said: Witness) -> Witness:
    """Return what counts of an answer that was given before all of the image was read: all, or that it does not."""
    reason = _reason_not_to_ask(image)
    return said if reason is None else Witness(found=said.found, error=reason, failure="not-asked",
                                               sandbox=said.sandbox)


def acceptable_sizes(image: Inspection) -> set[int]:
    """Return the sizes that are no disagreement: whole sectors, and of a VHD also that of its geometry.

    Where its creator counted by the geometry, qemu does so, too (block/vpc.c, vpc_open).
    """
    sizes = (image.virtual_size, image.container.get("chs_size"))
    return {ceil_div(size, _SECTOR) * _SECTOR for size in sizes if isinstance(size, int)}


def _info(source: Descriptor, options: Sequence[str], timeout: float) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what qemu-img says of the file, and what held it."""
    path = f"/dev/fd/{source.descriptor}"
    output, held = run(["info", "--output=json", "--force-share", *options, path], source.descriptor, timeout)
    try:
        answer = msgspec.json.decode(output)
        if isinstance(answer["format"], str) and isinstance(answer["virtual-size"], int):
            return dict(answer), held
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        pass
    raise NoAnswerError("not-run", f"its answer is not understood: {output[:80]!r}")
