"""How the work is to be done: the settings that the library and the command line share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imgbuild.defaults import DEFAULT_CLOUD, TIME_LIMIT

if TYPE_CHECKING:
    from imgbuild.acceptance import Acceptance
    from imgbuild.profiles import MinDiskPolicy


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the work is to be done.

    Attributes:
        cloud: Name of the target cloud.
        operation: Id of the create operation; ``None`` for the cloud's default, or of a request that is given for the
            one that its fields speak for.
        claim: Format that a person believes the image has.
        checksums: Algorithms; ``()`` for md5, sha256 and the cloud's own, ``None`` for none.
        min_disk_policy: ``greater`` or ``not-less``; ``None`` for the cloud's.
        time_limit: Seconds that reading one image may take.
        allow_external: Whether other files of a disk may be opened, if they lie in the image's own folder.
        allow_device: Whether the image may be a block device; it is read and never written to.
        initramfs: Whether initramfs archives may be opened, which can take a moment.
        cache: Whether checksums are kept in the user's cache folder, and those of a file that has not changed taken
            from there.
        content: Whether the whole virtual disk is read, unpacked and hashed.
        space: Whether it is measured where the disks have data, for a report that draws them.
        run_facts: Whether facts on the run itself are given.
        rules: A folder with rules of one's own.
        catalogue: A file with the OS list of the region, which is then exact.
        select: Only these rules are asked; all when empty.
        ignore: These rules are not asked.
        acceptance: Which findings count less, or are accepted.
    """

    cloud: str = DEFAULT_CLOUD
    operation: str | None = None
    claim: str | None = None
    checksums: tuple[str, ...] | None = ()
    min_disk_policy: MinDiskPolicy | None = None
    time_limit: float = TIME_LIMIT
    allow_external: bool = False
    allow_device: bool = False
    initramfs: bool = True
    cache: bool = False
    content: bool = False
    space: bool = False
    run_facts: bool = False
    rules: str | None = None
    catalogue: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    acceptance: Acceptance | None = None


DEFAULTS = Settings()
