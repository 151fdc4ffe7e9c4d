"""Checks of the call around the body: which operation it is, and what stands in its path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, listed, quoted

if TYPE_CHECKING:
    from imgbuild.profiles import FieldSpec


class OperationClear(Check, frozen=True, kw_only=True, tag="operation-clear"):
    """The fields of a request speak for one operation only."""

    def applies(self, case: Case) -> bool:
        """Say whether the operation had to be recognised."""
        return super().applies(case) and case.context.recognised is not None

    def find(self, case: Case) -> Hits:
        """Yield a request that fits several operations alike."""
        found = case.context.recognised
        if found is not None and found.others:
            yield Hit(message=f"taken as {found.operation}: {found.why}; it fits {listed(found.others, 'and')} as well",
                      hint=f"Say which it is: --operation {found.operation}, or another one.", pointer="",
                      value=found.operation)


class PathValue(Check, frozen=True, kw_only=True, tag="path-value"):
    """A part of the path of a call that was built is known (``fault = "missing"``) and has its documented form."""

    needs: ClassVar[frozenset[str]] = frozenset()

    name: str
    fault: Literal["missing", "form"]

    def applies(self, case: Case) -> bool:
        """Say whether a call was built that has such a part in its path."""
        return case.context.path is not None and self._field(case) is not None

    def find(self, case: Case) -> Hits:
        """Yield the part with this fault."""
        field, value = self._field(case), self._value(case)
        if value is None and self.fault == "missing":
            yield Hit(message=f"{self.name} is not known yet: it stands in braces in the path", pointer=f"/{self.name}")
        elif value is not None and self.fault == "form" and field and not re.search(field.pattern or "", value):
            yield Hit(message=f"{self.name} is {quoted(value)}: a UUID is accepted", pointer=f"/{self.name}",
                      value=value, errors=field.errors or None)

    def _field(self, case: Case) -> FieldSpec | None:
        found = case.operation.fields.get(self.name) if case.operation is not None else None
        return found if found is not None and found.place == "path" else None

    def _value(self, case: Case) -> str | None:
        """Return what stands in the path in place of the name; ``None`` where the braces are still there."""
        template = re.escape(case.operation.path if case.operation is not None else "")
        form = template.replace(re.escape(f"{{{self.name}}}"), "([^/]+)")
        found = re.fullmatch(form, case.context.path or "")
        return None if found is None or found[1] == f"{{{self.name}}}" else found[1]
