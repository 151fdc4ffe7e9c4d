"""What is known of ``min_disk``: its bounds, how it stands to the disk, and the other readings; whole GiB."""

# Without the future import, as in model.py.
from typing import Literal

from imgbuild.profiles.leaf import Leaf

MinDiskPolicy = Literal["greater", "not-less"]
Bounds = tuple[int, int]


class DiskBounds(Leaf, frozen=True, kw_only=True):
    """The least and the greatest ``min_disk`` in GiB for each OS type, and who says so."""

    linux: Bounds
    windows: Bounds
    sources: tuple[str, ...]
    reading: str = ""

    def of(self, os_type: str | None) -> Bounds:
        """Return the bounds for ``Windows``, ``Linux`` or another type (which counts as Linux)."""
        return self.windows if (os_type or "").lower() == "windows" else self.linux


class PolicyReading(Leaf, frozen=True, kw_only=True):
    """What the documents behind one reading of *min_disk against the disk* say."""

    sources: tuple[str, ...]
    reading: str


class MinDisk(Leaf, frozen=True, kw_only=True):
    """The documented rules on ``min_disk``: the policy taken, its readings, the bounds and their other readings."""

    policy: MinDiskPolicy
    policies: dict[MinDiskPolicy, PolicyReading]
    bounds: DiskBounds
    readings: tuple[DiskBounds, ...] = ()
    iso: DiskBounds | None = None

    def target(self, image_format: str | None) -> DiskBounds:
        """Return the bounds that hold for an image of this format."""
        return self.iso if image_format == "iso" and self.iso is not None else self.bounds


class OperationMinDisk(Leaf, frozen=True, kw_only=True):
    """What the page of an operation says on ``min_disk``; where it does not speak, the cloud's own rules hold."""

    policy: MinDiskPolicy | None = None
    policies: dict[MinDiskPolicy, PolicyReading] = {}
    bounds: DiskBounds
    readings: tuple[DiskBounds, ...] = ()

    def over(self, cloud: MinDisk) -> MinDisk:
        """Return the rules of the cloud with those of the operation in their place."""
        return MinDisk(policy=self.policy or cloud.policy, policies=cloud.policies | self.policies, bounds=self.bounds,
                       readings=self.readings, iso=cloud.iso)
