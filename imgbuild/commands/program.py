"""The command line as a whole: finds the command, and turns whatever happens into one line and an exit status.

0: no finding that counts. 1: such findings. 2: wrong usage. 3: the job could not be done. 130: interrupted; 143: ended
by SIGTERM.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from imgbuild.commands.ending import obey, settle
from imgbuild.errors import ImgbuildError, Terminated, UsageError
from imgbuild.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = ("inspect", "build", "lint", "check", "verify", "diff", "rules", "explain", "schema", "config")
WRONG_USAGE = 2
NOT_DONE = 3
INTERRUPTED = 130
_WORDS = "imgbuild.words"  # what the command line said, for who asks where a value came from
# How repr() writes a byte of a file name that is not UTF-8, and how it is shown.
_NOT_UTF8, _AS_BYTE = re.compile(r"(?<!\\)\\udc([89a-f][0-9a-f])"), r"\\x\1"


class ClosedPipe(BaseException):
    """Standard output was closed by whoever read it: nobody's error, and no handler of errors may take it."""


class Program(click.Group):
    """The group of all commands; each is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """Return the names of the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return the command ``cmd_name``: the function ``command`` of the module of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"imgbuild.commands.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context,
                        args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words begin with; of one that does not exist, say which is likely meant."""
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from difflib import get_close_matches  # noqa: PLC0415 - for those who mistype

            meant = get_close_matches(args[0], COMMANDS, 1)
            if meant:
                ctx.fail(f"No such command '{args[0]}'. Did you mean '{meant[0]}'?")
        return super().resolve_command(ctx, args)

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None,
                     **extra: Any) -> click.Context:  # noqa: ANN401 - click's interface
        """Return the context of a run, with the configuration that holds in the current folder."""
        words = tuple(args)  # click takes them out of the list
        with _ends_of_closed_pipe():
            context = super().make_context(info_name, args, parent, **extra)
        if not context.resilient_parsing and not {"-h", "--help"} & set(words):
            from imgbuild.commands import configuration  # noqa: PLC0415 - help and version ask for none

            context.meta[_WORDS] = words
            context.obj = configuration.read(os.curdir)
            if context.obj is not None:
                context.default_map = configuration.defaults(context.obj, COMMANDS)
        return context

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's interface
        """Run the command."""
        try:
            with _ends_of_closed_pipe():
                return super().invoke(ctx)
        except UsageError as refusal:
            if ctx.obj is None:
                raise
            from imgbuild.commands import configuration  # noqa: PLC0415 - the good way needs none of it

            raise configuration.located(refusal, ctx.obj, ctx.meta[_WORDS]) from refusal

    def main(self, *args: Any, **options: Any) -> NoReturn:  # noqa: ANN401 - click's interface
        """Run and exit."""
        if "_IMGBUILD_COMPLETE" in os.environ:
            from imgbuild.commands import shells  # noqa: PLC0415 - a shell asks what may come next

            shells.register()
        sys.exit(self._run(*args, **{**options, "standalone_mode": False}))

    def _run(self, *args: Any, **options: Any) -> int:  # noqa: ANN401 - as above
        try:
            status = super().main(*args, **options)
            obey()
        except (click.ClickException, click.Abort, ImgbuildError) as failure:
            return _explain(failure)
        except ClosedPipe:
            return _die_of_closed_pipe()
        except Terminated as told:
            settle()
            say("terminated")
            return Terminated.status_of(told)
        except OSError as refusal:
            say(f"the system refused: {refusal.strerror or refusal}")
            return NOT_DONE
        except Exception as defect:
            if os.environ.get("IMGBUILD_TRACEBACK"):
                raise
            say(f"internal error: {type(defect).__name__}: {defect} (IMGBUILD_TRACEBACK=1 shows where)")
            return NOT_DONE
        return status if isinstance(status, int) else 0


@contextmanager
def _ends_of_closed_pipe() -> Iterator[None]:
    """Take from click what it prints itself (help, version) into a pipe that is closed: it would end with status 1."""
    try:
        yield
    except BrokenPipeError as error:
        raise ClosedPipe from error


def say(message: str) -> None:
    """Write one line for a person to standard error."""
    from imgbuild.reports.escape import disarmed, visible  # noqa: PLC0415 - the good way needs no message

    line = disarmed(f"imgbuild: {_NOT_UTF8.sub(_AS_BYTE, visible(message))}\n")
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    try:
        click.echo(line.encode(encoding, "backslashreplace"), nl=False, err=True)
    except OSError:  # there is nobody left to tell
        return


def _explain(failure: Exception) -> int:
    if isinstance(failure, click.Abort):
        settle()
        say("interrupted")
        return INTERRUPTED
    if isinstance(failure, click.exceptions.NoArgsIsHelpError):
        click.echo(failure.format_message(), err=True)
        return WRONG_USAGE
    if isinstance(failure, click.BadParameter) and _is_configured(failure):
        say(f"{failure.ctx.find_root().obj.path!r}: {_sentence(failure.format_message())}" if failure.ctx else "")
        return NOT_DONE
    if isinstance(failure, click.UsageError):
        command = failure.ctx.command_path if failure.ctx else "imgbuild"
        say(f"{_variable(failure)}{_sentence(failure.format_message())} ({command} --help shows what there is)")
        return WRONG_USAGE
    message = failure.format_message() if isinstance(failure, click.ClickException) else str(failure)
    say(message)
    return WRONG_USAGE if isinstance(failure, UsageError) else NOT_DONE


def _is_configured(failure: click.BadParameter) -> bool:
    """Say whether the value that is refused stands in a configuration file."""
    return _origin(failure) is click.core.ParameterSource.DEFAULT_MAP


def _variable(failure: click.UsageError) -> str:
    """Return the variable that a refused value stands in, to begin the message with; nothing for other values."""
    if not isinstance(failure, click.BadParameter) or _origin(failure) is not click.core.ParameterSource.ENVIRONMENT:
        return ""
    return f"{getattr(failure.param, 'envvar', None)}: "


def _origin(failure: click.BadParameter) -> click.core.ParameterSource | None:
    if failure.ctx is None or failure.param is None or failure.param.name is None:
        return None
    return failure.ctx.get_parameter_source(failure.param.name)


def _sentence(message: str) -> str:
    """Return a message of click's in the way of our own: lower case, no full stop, one line."""
    line = " ".join(message.split())
    return line[:1].lower() + line[1:].rstrip(".")


def _die_of_closed_pipe() -> int:
    """End as other programs do whose output is closed: by the signal, where there is one."""
    import signal  # noqa: PLC0415 - once at most

    sys.stdout = None  # nothing is left to flush
    if not hasattr(signal, "SIGPIPE"):
        return 0
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    return 0


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
             epilog="\b\nExample:\n  imgbuild check samples/debian-12-tiny.qcow2")
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """Inspect disk images offline, build their create-image request, and check both before the upload.

    \b
    Exit status: 0 no finding that counts, 1 such findings, 2 wrong usage, 3 the job could not be done.
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
