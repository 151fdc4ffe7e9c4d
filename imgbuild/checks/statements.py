"""Checks of a statement on a verified image: who signed it, what it is about, and against which rules it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from imgbuild.checks.base import Case, Check, Hit, Hits, quoted

if TYPE_CHECKING:
    from imgbuild.statements import Attested

_SHOWN_DIGITS = 12


class StatementFault(Check, frozen=True, kw_only=True, tag="statement"):
    """The statement has this ``fault``.

    ``unsigned`` (nobody signed it), ``signature`` (no signature is by the given key), ``unchecked`` (no key was given),
    ``further`` (signatures that are not by the key), ``type`` (it is no statement that can be checked), ``image`` (it
    is about another image), ``failed`` (it says that the image failed) or ``book`` (the rule book has changed since).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"statement"})

    fault: Literal["unsigned", "signature", "unchecked", "further", "type", "image", "failed", "book"]

    def applies(self, case: Case) -> bool:
        """Say whether there is a statement, and an image where one is compared."""
        return super().applies(case) and (self.fault != "image" or case.image is not None)

    def find(self, case: Case) -> Hits:
        """Yield what is wrong with the statement."""
        said = case.context.statement
        if said is None:
            return
        if self.fault == "image":
            yield from _other_image(case, said)
            return
        message = _WORDS[self.fault](said)
        if message is not None:
            lesser = self.fault == "unsigned" and said.by_key is None
            yield Hit(message=message, on="image", severity="warning" if lesser else None)


def _unsigned(said: Attested) -> str | None:
    return None if said.signatures else "nobody signed the statement: whoever could write the file could write this"


def _signature(said: Attested) -> str | None:
    if not said.signatures or said.by_key is None or said.by_key:
        return None
    return "no signature is by this key: the statement was changed since, or somebody else signed it"


def _unchecked(said: Attested) -> str | None:
    if said.by_key is not None or not said.signatures:
        return None
    return "the statement is signed, but no key was given to verify that"


def _further(said: Attested) -> str | None:
    if not said.by_key or not said.others:
        return None
    count = "one more signature is" if said.others == 1 else f"{said.others} more signatures are"
    return f"{count} not by this key: who made them was not verified"


def _failed(said: Attested) -> str | None:
    return None if said.slip or said.result == "PASSED" else f"the statement says {quoted(said.result)}, not 'PASSED'"


def _book(said: Attested) -> str | None:
    if said.slip or said.today is None or said.book == said.today:
        return None
    return f"the statement is on the rule book {_short(said.book)}, that of today is {_short(said.today)}"


def _short(digest: str | None) -> str:
    return "of no digest" if digest is None else f"sha256:{digest[:_SHOWN_DIGITS]}"


_WORDS = {"unsigned": _unsigned, "signature": _signature, "unchecked": _unchecked, "further": _further,
          "type": lambda said: said.slip, "failed": _failed, "book": _book}


def _other_image(case: Case, said: Attested) -> Hits:
    """Yield that no subject is the image: by each digest that both have, of which there must be one."""
    if case.image is None or said.slip:
        return
    now = case.image.checksums or {}
    for _, then in said.subjects:
        both = then.keys() & now.keys()
        if both and all(then[name].lower() == now[name] for name in both):
            return
    digest = now.get("sha256")
    named = ", ".join(repr(name) for name, _ in said.subjects[:3]) or "nothing"
    yield Hit(message=f"the statement is about {named}, and no digest there is that of the image"
                      f"{f' (sha256 {digest})' if digest else ''}", on="image", value=digest)
