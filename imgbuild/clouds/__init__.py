"""The clouds: what their values alone (``rules/<cloud>/cloud.toml``) cannot say.

A cloud module offers ``system_fields``: the request fields that name the system inside. A new cloud is one module,
one line here and the pack of the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from imgbuild.clouds import huaweicloud

if TYPE_CHECKING:
    from imgbuild.model import Derived, Inspection
    from imgbuild.profiles import Operation
    from imgbuild.rulebook import RuleBook


class SystemFields(Protocol):
    """Derive the fields that name the guest's system; a field that is best left out is not in the answer."""

    def __call__(self, image: Inspection, book: RuleBook, operation: Operation,
                 body: dict[str, Any]) -> dict[str, Derived]:
        """Return the fields with their reasons; ``body`` holds the fields that are known so far, choices included."""
        ...


SYSTEM_FIELDS: dict[str, SystemFields] = {
    "huaweicloud": huaweicloud.system_fields,
}
