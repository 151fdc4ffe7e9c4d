"""The exceptions of imgbuild: work that cannot be done.

What is wrong with an image or a request is a value (a problem, a finding), never one of these.
"""

from __future__ import annotations


class ImgbuildError(Exception):
    """The job could not be done; the command exits with status 3.

    Args:
        message: One sentence in lower case that names the thing and the place.
        cure: What the reader can do about it, or an empty string.
    """

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message} ({self.cure})" if self.cure else self.message


class SourceError(ImgbuildError):
    """A file cannot be opened or read: it is missing, not permitted or not a regular file."""


class RuleBookError(ImgbuildError):
    """The rule book is broken: a file, a rule or a source in it does not hold together."""


class UsageError(ImgbuildError):
    """The words of a call contradict each other; the command exits with status 2."""


class Terminated(BaseException):
    """The program was told by a signal to end: nobody's error, and no handler of errors may take it."""

    def __init__(self, number: int) -> None:
        """Take the number of the signal."""
        super().__init__(number)
        self.number = number

    @staticmethod
    def status_of(ending: BaseException) -> int:
        """Return the exit status, as shells count it; an interrupt is signal 2."""
        return 128 + (ending.number if isinstance(ending, Terminated) else 2)
