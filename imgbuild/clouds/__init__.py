"""The clouds: what their values alone (``rules/<cloud>/cloud.toml``) cannot say.

A cloud module offers ``system_fields``: the request fields that name the system inside. A new cloud is one module,
one line here and the pack of the same name; one that inherits another's pack takes its module, too, if it has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from imgbuild.clouds import huaweicloud, openstack

if TYPE_CHECKING:
    from imgbuild.documents.inspection import Inspection
    from imgbuild.documents.manifest import Derived
    from imgbuild.profiles import Operation, Profile
    from imgbuild.rulebook import RuleBook


class SystemFields(Protocol):
    """Derive the fields that name the guest's system; a field that is best left out is not in the answer."""

    def __call__(self, image: Inspection, book: RuleBook, operation: Operation,
                 body: dict[str, Any]) -> dict[str, Derived]:
        """Return the fields with their reasons; ``body`` holds the fields that are known so far, choices included."""
        ...


SYSTEM_FIELDS: dict[str, SystemFields] = {
    "huaweicloud": huaweicloud.system_fields,
    "openstack": openstack.system_fields,
}


def system_fields_of(profile: Profile) -> SystemFields:
    """Return how a cloud derives them: its own way, or that of the nearest cloud that it inherits."""
    return next(SYSTEM_FIELDS[name] for name in reversed(profile.chain) if name in SYSTEM_FIELDS)
