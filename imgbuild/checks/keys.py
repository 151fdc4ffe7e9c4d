"""Checks of the keys of a request by their names and number, beside those that compare them with what is documented."""

from __future__ import annotations

from imgbuild.checks.base import Case, Check, Hit, Hits, quoted
from imgbuild.checks.fields import body_of


class KeyNamed(Check, frozen=True, kw_only=True, tag="key-named"):
    """No key is one of ``names`` or begins with one of ``prefixes``; ``because`` says what comes of it."""

    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    because: str

    def find(self, case: Case) -> Hits:
        """Yield such keys."""
        for key, value in case.body.items():
            if key in self.names or key.startswith(self.prefixes):
                yield Hit(message=f"{quoted(key)} {self.because}", pointer=body_of(case).at(key), on_key=True,
                          value=value)


class PropertyCount(Check, frozen=True, kw_only=True, tag="property-count"):
    """The request has at most ``max`` keys beside the fields of the operation."""

    max: int

    def find(self, case: Case) -> Hits:
        """Yield a request that has more."""
        own = case.operation.fields if case.operation is not None else {}
        count = sum(key not in own for key in case.body)
        if count > self.max:
            yield Hit(message=f"the request has {count} properties: at most {self.max} are accepted", pointer="",
                      value=count)
