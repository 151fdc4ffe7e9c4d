"""The document of ``imgbuild rules --check``: what is wrong with a rule book."""

# Without the future import, as in model.py.
from typing import Literal

from imgbuild.model import SCHEMA, Value
from imgbuild.version import __version__


class BookProblem(Value, frozen=True, kw_only=True):
    """One thing that is wrong with a rule book: where, what, and the cure; ``line`` counts from 1."""

    code: str
    rule: str | None = None
    path: str
    line: int | None = None
    message: str
    cure: str


class Review(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild rules --check``: what is wrong with the rule book, and how many rules were read."""

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["review"] = "review"
    packs: tuple[str, ...]
    rules: int
    problems: tuple[BookProblem, ...]
