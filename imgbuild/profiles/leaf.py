"""The base of everything that is read from a rule pack."""

# Without the future import, as in model.py.
import msgspec


class Leaf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that is read from a pack: immutable, and an unknown key is an error."""
