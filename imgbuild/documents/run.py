"""Facts on a run itself: its steps, what held the child, and what the witnesses said."""

# Without the future import, as in model.py.
from typing import Any, Literal

import msgspec

from imgbuild.model import Value


class Witness(Value, frozen=True, kw_only=True):
    """What qemu-img says of the same file.

    ``found`` is its version or ``None`` where it is not installed; ``probed`` is the format it takes when it
    is not told, ``format`` and ``virtual_size`` what it reads under our format. Where it gave no answer, ``error``
    says why and ``failure`` which way: it was not asked, could not run, refused the image, or died over it.
    ``sandbox`` names what held it, as that of the run does for our own child.
    """

    found: str | None = None
    format: str | None = None
    virtual_size: int | None = None
    probed: str | None = None
    error: str | None = None
    failure: Literal["not-asked", "not-run", "refused", "died"] | None = None
    sandbox: tuple[str, ...] = ()


class DiscWitness(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What pycdlib says of the same disc.

    ``found`` is its version or ``None`` where it is not installed. Where it has not ``answered``, ``error`` says why:
    what it raised, or that it took too long. The names are those in the root directory that only one of both has.
    """

    found: str | None = None
    answered: bool = False
    volume_id: str | None = None
    volume_space_size: int | None = None
    el_torito: tuple[dict[str, Any], ...] = ()
    names_only_here: tuple[str, ...] = ()
    names_only_there: tuple[str, ...] = ()
    error: str | None = None
    sandbox: tuple[str, ...] = ()


class Step(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a run: its seconds, and what it read of the image where that was counted."""

    name: str
    seconds: float
    reads: int | None = None
    bytes_read: int | None = None


class Run(Value, frozen=True, kw_only=True):
    """Facts on the run itself; they are shown with ``-v`` or ``--run-facts`` only.

    ``sandbox`` names what held the child that read the image: ``fork``, ``rlimits``, ``no-new-privs``,
    ``landlock-abi-N`` and ``seccomp``, as far as the system offers them. ``cached`` are the checksums that were not
    computed, as they were known. ``hash_seconds`` is how long the others took. ``pycdlib`` is there where it was asked.
    ``steps`` are those that were taken; the file is hashed, and qemu-img asked, beside those of the inspection.
    """

    seconds: float
    steps: tuple[Step, ...] = ()
    hash_seconds: float | None
    inspect_seconds: float
    reads: int
    bytes_read: int
    allocated: int | None
    cached: tuple[str, ...] = ()
    sandbox: tuple[str, ...]
    qemu: Witness | None = None
    pycdlib: DiscWitness | msgspec.UnsetType = msgspec.UNSET
