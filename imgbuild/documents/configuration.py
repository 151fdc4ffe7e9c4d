"""The document of ``imgbuild config``: the values in force, and where each came from."""

# Without the future import, as in model.py.
from typing import Any, Literal

from imgbuild.model import SCHEMA, Value
from imgbuild.version import __version__


class Setting(Value, frozen=True, kw_only=True):
    """An option, its value, and where the value came from."""

    name: str
    value: Any
    origin: str


class Configuration(Value, frozen=True, kw_only=True):
    """The document of ``imgbuild config``: the values in force; ``file`` is the configuration that was found."""

    imgbuild: str = __version__
    schema: int = SCHEMA
    kind: Literal["configuration"] = "configuration"
    file: str | None
    values: tuple[Setting, ...]
    request: dict[str, Any]
    severity: dict[str, str]
    suppress: tuple[dict[str, Any], ...]
