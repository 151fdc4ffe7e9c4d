"""Call the command line inside the test's own process, and stand in for the pipeline behind it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from imgbuild import examination, pipeline, source
from imgbuild.commands.program import program


def call(*words: object, stdin: bytes | None = None) -> Result:
    """Run ``imgbuild WORDS`` and return exit_code, stdout, stderr."""
    return CliRunner().invoke(program, [str(word) for word in words], input=stdin, prog_name="imgbuild")


def errors(*words: object, **options: object) -> tuple[int, str]:
    """Run words that fail and return the exit status and the one line that says so; nothing else may be written."""
    result = call(*words, **options)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.exit_code, result.stderr.removeprefix("imgbuild: ").rstrip("\n")


class Stand:
    """Takes the place of a function of the pipeline, keeps what it was called with, and gives the answers in turn.

    Images need not exist then.
    """

    def __init__(self, monkeypatch, name: str, *answers: object) -> None:
        self.calls: list[tuple[tuple, dict]] = []
        self._answers = list(answers)
        monkeypatch.setattr(examination if name == "inspect" else pipeline, name, self)
        monkeypatch.setattr(source, "try_all", lambda *_, **__: None)

    def __call__(self, *args, **options):
        self.calls.append((args, options))
        answer = self._answers[min(len(self.calls), len(self._answers)) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def settings(self):
        """The settings of the last call."""
        return self.calls[-1][0][1]
