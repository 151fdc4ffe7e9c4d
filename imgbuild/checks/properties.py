"""Checks of the properties by which a hypervisor builds the server: against each other, and against the guest.

What could not be seen in the guest is never at fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import BOTH, IMAGE, Case, Check, Hit, Hits, label, listed, quoted
from imgbuild.numbering import version_numbers
from imgbuild.profiles import word_of

if TYPE_CHECKING:
    from imgbuild.model import GuestCheck, OperatingSystem

Value = str | int


class ContainerValue(Check, frozen=True, kw_only=True, tag="container-value"):
    """A ``field`` of the header of images of a ``format`` has one of ``values``."""

    needs: ClassVar[frozenset[str]] = IMAGE

    format: str
    field: str
    values: tuple[Value, ...]

    def find(self, case: Case) -> Hits:
        """Yield another value; a header without the field is not held against the image."""
        image = case.image
        found = image.container.get(self.field) if image is not None and image.format == self.format else None
        if found is not None and found not in self.values:
            yield Hit(message=f"{self.field} of the {self.format.upper()} is {quoted(found)}: {listed(self.values)} is"
                              " taken", on="image", value=found)


class ContainerBits(Check, frozen=True, kw_only=True, tag="container-bits"):
    """A ``field`` of flags in the header of images of a ``format`` has no bit beyond the mask ``known``."""

    needs: ClassVar[frozenset[str]] = IMAGE

    format: str
    field: str
    known: int

    def find(self, case: Case) -> Hits:
        """Yield flags with other bits."""
        image = case.image
        found = image.container.get(self.field) if image is not None and image.format == self.format else None
        if isinstance(found, int) and found & ~self.known:
            bits = [bit for bit in range(found.bit_length()) if (found & ~self.known) >> bit & 1]
            yield Hit(message=f"{self.field} has bit {listed(bits, 'and')}, which the server does not know", on="image",
                      value=found)


class GoesWith(Check, frozen=True, kw_only=True, tag="goes-with"):
    """Where each key of ``when`` has that value, the key of the rule has one of ``values``.

    ``missing`` says that the rule is about a key that is not given, else it is about one with another value; ``but``
    are values that may not stand there, where ``values`` is empty.
    """

    when: dict[str, str]
    values: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    missing: bool = False
    because: str

    def find(self, case: Case) -> Hits:
        """Yield the key that does not go with the others."""
        if any(case.text(key) != value for key, value in self.when.items()):
            return
        for at in case.at:
            value = case.text(label(at))
            wrong = value is None if self.missing else value is not None and (
                value in self.but or bool(self.values and value not in self.values))
            if wrong:
                given = "not given" if value is None else quoted(value)
                when = " and ".join(f"{key} is {quoted(wanted)}" for key, wanted in self.when.items())
                yield Hit(message=f"{label(at)} is {given}, but {when}: {self.because}", pointer=at, value=value)


class BusDriver(Check, frozen=True, kw_only=True, tag="bus-driver"):
    """The guest has the driver of its disk's bus in time: ``drivers`` names for each bus the checks that say so.

    A SCSI bus of another model than virtio-scsi has other drivers, on which nothing is known.
    """

    needs: ClassVar[frozenset[str]] = BOTH

    drivers: dict[str, tuple[str, ...]]

    def find(self, case: Case) -> Hits:
        """Yield a bus whose driver is missing."""
        bus = case.text("hw_disk_bus") or ""
        if bus == "scsi" and case.text("hw_scsi_model") != "virtio-scsi":
            return
        facts = case.image.guest if case.image else ()
        fact = next((fact for fact in facts if fact.check in self.drivers.get(bus, ()) and fact.status == "fail"), None)
        if fact is not None:
            yield Hit(message=f"hw_disk_bus is {quoted(bus)}, but {fact.detail}", pointer="/hw_disk_bus", value=bus,
                      hint=_cure(fact))


def _cure(fact: GuestCheck) -> str | None:
    return f"In the guest: {fact.cure}" if fact.cure else None


class NamesGuest(Check, frozen=True, kw_only=True, tag="names-guest"):
    """A property that names the system says what the guest is, by its ``fact``."""

    needs: ClassVar[frozenset[str]] = BOTH

    fact: Literal["architecture", "type", "id", "version"]

    def find(self, case: Case) -> Hits:
        """Yield another name than the guest's."""
        guest = case.image.os if case.image else None
        for at in case.at:
            value = case.text(label(at))
            field = case.profile.custom_properties.get(label(at))
            if guest is None or value is None or field is None:
                continue
            if self.fact == "version":
                own, same = guest.version, _is_version_of(value, guest)
            else:
                own = getattr(guest, self.fact)
                word = word_of(own, field) or (own or "").lower() or None
                same = (word_of(value, field) or value.lower()) == word
                own = word
            if own is not None and not same:
                yield Hit(message=f"{label(at)} is {quoted(value)}, but the guest is {quoted(own)}", pointer=at,
                          value=value, hint=f"Set {label(at)} to {own}.")


def _is_version_of(text: str, guest: OperatingSystem) -> bool:
    """Say whether a version is the guest's, or one of the two continues the other: 12 and 12.5."""
    if guest.version is None or text in {guest.version, guest.release}:
        return True
    said, own = version_numbers(text), version_numbers(guest.release or guest.version)
    shorter = min(len(said), len(own))
    return bool(shorter) and said[:shorter] == own[:shorter]


class SecureBoot(Check, frozen=True, kw_only=True, tag="secure-boot"):
    """Secure Boot is required only of a disk whose boot loader is signed."""

    needs: ClassVar[frozenset[str]] = BOTH

    def find(self, case: Case) -> Hits:
        """Yield the property where the loader was seen to be unsigned."""
        if case.text("os_secure_boot") == "required" and case.image and case.image.firmware.secure_boot is False:
            yield Hit(message="os_secure_boot is 'required', but the boot loader on the disk is not signed",
                      pointer="/os_secure_boot", value="required")


class GuestAgent(Check, frozen=True, kw_only=True, tag="guest-agent"):
    """A server gets the channel of the QEMU guest agent only where the guest starts the agent."""

    needs: ClassVar[frozenset[str]] = BOTH

    def find(self, case: Case) -> Hits:
        """Yield the property where the services of the guest were looked at, and the agent was not among them."""
        asked, image = case.text("hw_qemu_guest_agent"), case.image
        if asked in {"yes", "true"} and image and image.os and image.guest and not image.os.agents:
            yield Hit(message=f"hw_qemu_guest_agent is {quoted(asked)}, but no agent was seen that the guest starts",
                      pointer="/hw_qemu_guest_agent", value=asked)
