"""``imgbuild config``: prints the values in force, and where each of them came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from imgbuild.commands.configuration import configurable, current, parameter, where
from imgbuild.commands.options import options

if TYPE_CHECKING:
    from imgbuild.config import Config
    from imgbuild.documents.configuration import Setting

_ASIDE = frozenset({"format", "verbose", "quiet", "run-facts", "claim"})
_NAMES = tuple(name for name in configurable() if name not in _ASIDE)
_ORIGINS = {ParameterSource.COMMANDLINE: "command line", ParameterSource.ENVIRONMENT: "environment",
            ParameterSource.DEFAULT: "built in"}


@click.command("config", short_help="Show the values in force.",
               epilog="\b\nExample:\n  imgbuild config")
@options(*_NAMES, "format", "output", "quiet")
@click.pass_context
def command(context: click.Context, /, **words: Any) -> int:  # noqa: ANN401 - the values of the options
    """Show the values in force, and where each came from: command line, environment, file, or built in.

    The file is imgbuild.toml, or [tool.imgbuild] of pyproject.toml, of the current folder or the nearest above it.
    """
    from imgbuild.commands.output import Output  # noqa: PLC0415 - --help needs none of it
    from imgbuild.reports.views import ConfigurationView  # noqa: PLC0415 - as above

    output = Output(words)
    output.show(ConfigurationView(configuration=_document(context, current())))
    output.close()
    return 0


def _document(context: click.Context, config: Config) -> Any:  # noqa: ANN401 - Configuration, imported late
    from imgbuild.documents.configuration import Configuration  # noqa: PLC0415 - as above

    return Configuration(
        file=where(config.path) if config.path else None,
        values=tuple(_setting(context, name, config) for name in _NAMES),
        request=dict(config.request), severity=dict(config.severity),
        suppress=tuple({"rule": entry.rule, "reason": entry.reason, "path": entry.path,
                        "expires": entry.expires.isoformat() if entry.expires else None}
                       for entry in config.suppress))


def _setting(context: click.Context, name: str, config: Config) -> Setting:
    from imgbuild.documents.configuration import Setting  # noqa: PLC0415 - as above

    found = parameter(name)
    source = context.get_parameter_source(found.name or name)
    origin = _ORIGINS.get(source) if source is not None else None
    if source is ParameterSource.ENVIRONMENT:
        origin = f"environment, {found.envvar}"
    value = context.params.get(found.name or name)
    return Setting(name=name, value=list(value) if isinstance(value, tuple) else value,
                   origin=origin or (where(config.path) if config.path else "built in"))
