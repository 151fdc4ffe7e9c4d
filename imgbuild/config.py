"""Configuration: the folder that somebody works in, in; what ``imgbuild.toml`` or ``pyproject.toml`` says there, out.

The file is looked for from the current folder upwards, never from the image's: a folder that was downloaded must not
silence rules. Nor must another user: in a folder where anybody may put files, only one's own count, and root's.
``imgbuild.toml`` comes before ``[tool.imgbuild]`` of a ``pyproject.toml`` beside it, and the first one found is the
only one. Its top level has the options of the command line by their names (``cloud``, ``fail-on``), then:

- ``[request]``: defaults for fields of the request;
- ``[severity]``: another severity for a rule, by its id, or ``off``;
- ``[[suppress]]``: findings that are accepted, with ``rule``, ``reason``, and where wanted ``path`` and ``expires``.

A path is relative to the file it stands in. TOML 1.0, https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - msgspec reads the annotation when it converts
import os
import re
import stat
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from imgbuild.configfiles import PROJECT_FILE, candidates
from imgbuild.errors import ImgbuildError

if TYPE_CHECKING:
    from collections.abc import Collection

CONFIG_BYTES = 1 << 20
PATHS = frozenset({"rules", "catalogue", "baseline"})
"""The options that name a file or a folder."""

_OURS = re.compile(rb"^\s*\[\[?\s*tool\s*\.\s*imgbuild\b", re.MULTILINE)
_TABLES = ("request", "severity", "suppress")
Level = Literal["error", "warning", "note", "off"]


class ConfigError(ImgbuildError):
    """The configuration does not hold together."""


class Suppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings of a rule that are accepted, for a reason, until a day; ``path`` is a pattern for the file's name."""

    rule: str
    reason: str
    path: str | None = None
    expires: dt.date | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration file says; ``path`` is ``None`` where there is none."""

    path: str | None = None
    options: dict[str, Any] = {}
    request: dict[str, Any] = {}
    severity: dict[str, Level] = {}
    suppress: tuple[Suppression, ...] = ()


class _Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request: dict[str, str | int | bool | float | list[str]] = {}
    severity: dict[str, Level] = {}
    suppress: tuple[Suppression, ...] = ()


def load(start: str, known: Collection[str]) -> Config:
    """Return the configuration that holds in the folder ``start``; ``known`` are the options that may stand in it.

    Raises:
        ConfigError: A file cannot be read, is no TOML, or says what nobody understands.
    """
    found = (_read(path, known) for path in candidates(start))
    return next((config for config in found if config is not None), Config())


def _read(path: str, known: Collection[str]) -> Config | None:
    """Return what a file says; ``None`` where there is none, or where a project says nothing of imgbuild."""
    try:
        found = os.stat(path)
        if not _is_ours(path, found):
            return None
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path!r} is no regular file", cure="move it away")
        with open(path, "rb") as file:
            data = file.read(CONFIG_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path!r}: {error.strerror}", cure="make it readable or move it") from error
    if len(data) > CONFIG_BYTES:
        raise ConfigError(f"{path!r} has over {CONFIG_BYTES} bytes: no configuration has", cure="move it away")
    is_project = os.path.basename(path) == PROJECT_FILE
    if is_project and not _OURS.search(data):
        return None
    tables = _parse(path, data)
    return _checked(path, tables.get("tool", {}).get("imgbuild", {}) if is_project else tables, known)


def _is_ours(path: str, found: os.stat_result) -> bool:
    """Say whether a file counts: any, but where anybody may put files (``/tmp``) only our own and root's."""
    anybodys = os.stat(os.path.dirname(path)).st_mode & stat.S_IWOTH
    return not anybodys or found.st_uid in {0, getattr(os, "geteuid", lambda: 0)()}


def _parse(path: str, data: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 5 ms, for those who have a configuration

    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path!r} is no TOML: {error}", cure="mend it at that place") from error


def _checked(path: str, tables: dict[str, Any], known: Collection[str]) -> Config:
    try:
        parts = msgspec.convert({name: tables[name] for name in _TABLES if name in tables}, _Tables)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path!r}: {error}", cure="imgbuild config --help says what may stand there") from error
    for entry in parts.suppress:
        if not entry.reason.strip():
            raise ConfigError(f"{path!r}: the suppression of {entry.rule!r} has no reason", cure="say why")
    options = {_option(path, name, known): value for name, value in tables.items() if name not in _TABLES}
    located = {name: _located(path, name, value) for name, value in options.items()}
    return Config(path=path, options=located, request=parts.request, severity=parts.severity, suppress=parts.suppress)


def _option(path: str, name: str, known: Collection[str]) -> str:
    """Return the name of an option as the command line has it."""
    option = name.replace("_", "-")
    if option not in known:
        import difflib  # noqa: PLC0415 - 1 ms, for those who mistype

        near = difflib.get_close_matches(option, known, n=1)
        raise ConfigError(f"{path!r}: there is no option {name!r}", cure=f"did you mean {near[0]!r}?" if near
                          else "imgbuild config lists them")
    return option


def _located(path: str, name: str, value: Any) -> Any:  # noqa: ANN401 - a TOML value
    if name not in PATHS:
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{path!r}: {name} is no path", cure="write it in quotation marks")
    return os.path.join(os.path.dirname(path), value)
