"""What a configuration makes of a run: the file that holds here in, defaults for the options out.

The command line comes before the environment (``IMGBUILD_…``), that before the file, that before what is built in.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from imgbuild.configfiles import any_there

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgbuild.acceptance import Acceptance
    from imgbuild.config import Config
    from imgbuild.errors import ImgbuildError, UsageError

NOT_IN_FILES = frozenset({"images", "set", "output", "statement", "sign-key"})
"""What belongs to one run: a file of its own, or a table of its own."""

# Fields of a request that have an option of their own, and the option.
_OPTION_OF_FIELD = {"name": "name", "min_disk": "min-disk", "min_ram": "min-ram", "tags": "tag",
                    "protected": "protected", "visibility": "visibility", "os_version": "os-version",
                    "__os_version": "os-version"}


def configurable() -> tuple[str, ...]:
    """Return the names of the options that may stand at the top level of a configuration."""
    from imgbuild.commands.options import CHOICES, OPTIONS  # noqa: PLC0415 - it asks this module

    return tuple(name for name in OPTIONS if name not in NOT_IN_FILES and name not in CHOICES)


@cache
def parameter(option: str) -> click.Option:
    """Return click's own description of an option, by its name here."""
    from imgbuild.commands.options import OPTIONS  # noqa: PLC0415 - as above

    def holder() -> None:
        """Hold the option."""

    OPTIONS[option](holder)
    found: click.Option = holder.__click_params__[-1]  # type: ignore[attr-defined]  # click's mark on a function
    return found


def read(folder: str) -> Config | None:
    """Return the configuration that holds in ``folder``, ``None`` where there is none.

    Raises:
        ConfigError: It does not hold together.
    """
    if not any_there(folder):
        return None
    from imgbuild.config import load  # noqa: PLC0415 - --help needs none of it

    return load(folder, configurable())


def defaults(config: Config, commands: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return click's map of defaults for all commands."""
    values = {parameter(name).name or name: value for name, value in config.options.items()}
    for field, value in config.request.items():
        if field in _OPTION_OF_FIELD:
            values[parameter(_OPTION_OF_FIELD[field]).name or field] = value
    return dict.fromkeys(commands, values)


def current() -> Config:
    """Return the configuration of this run, an empty one where there is none."""
    from imgbuild.config import Config  # noqa: PLC0415 - as above

    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context is not None else None
    return found if isinstance(found, Config) else Config()


def located(refusal: UsageError, config: Config, words: Sequence[str]) -> ImgbuildError:
    """Return a refusal as what it is: one of the file's, where the value that it quotes stands nowhere but there."""
    from imgbuild.config import ConfigError  # noqa: PLC0415 - as above

    given = {*words, *(word.partition("=")[2] for word in words), *os.environ.values()}
    values = [each for value in config.options.values() for each in (value if isinstance(value, list) else [value])]
    if any(repr(value) in str(refusal) and value not in given for value in values if isinstance(value, str)):
        return ConfigError(f"{config.path!r}: {refusal}")
    return refusal


def further_fields(config: Config) -> dict[str, str]:
    """Return the fields of ``[request]`` that have no option of their own, as ``--set`` takes them."""
    return {field: _as_text(config, field, value) for field, value in config.request.items()
            if field not in _OPTION_OF_FIELD}


def _as_text(config: Config, field: str, value: object) -> str:
    if isinstance(value, list):
        from imgbuild.config import ConfigError  # noqa: PLC0415 - as above

        raise ConfigError(f"{config.path!r}: request.{field} is a list", cure="only tags are one")
    return str(value).lower() if isinstance(value, bool) else str(value)


def acceptance_of(words: dict[str, Any]) -> Acceptance | None:
    """Return which findings count less or not at all; ``None`` where nobody says anything of that."""
    config, baseline = current(), words.get("baseline")
    if not (config.severity or config.suppress or baseline):
        return None
    from datetime import UTC, datetime  # noqa: PLC0415 - for those who have decided something

    from imgbuild.acceptance import Acceptance, read_baseline  # noqa: PLC0415 - as above

    made = Acceptance(severities=tuple(config.severity.items()), suppressions=config.suppress,
                      known=read_baseline(baseline) if baseline else frozenset(),
                      today=datetime.now(tz=UTC).date(), origin=config.path)
    for entry in made.expired():
        from imgbuild.commands.program import say  # noqa: PLC0415 - it imports the commands

        say(f"{config.path!r}: the suppression of {entry.rule} expired on {entry.expires}: it accepts nothing now")
    return made


def where(path: str) -> str:
    """Return a path as people write it: relative to the current folder where it lies in it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
