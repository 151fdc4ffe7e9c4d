"""The file ``rpmdb.sqlite`` of RPM from 4.16 on: its bytes in, the headers out.

It is opened in memory, by SQLite itself. A file in write-ahead mode cannot be, so the two bytes of the header that say
so are set back; what a log beside it still holds is not seen, and the caller says so. The file is hostile until proven
otherwise: its schema is not trusted, and a statement that runs for long is stopped.

"Database File Format", https://www.sqlite.org/fileformat.html
"Defense Against The Dark Arts", https://www.sqlite.org/security.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgbuild.guests.packages.base import MOST_PACKAGES, Unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"SQLite format 3\0"
_WAL, _NO_WAL = b"\2\2", b"\1\1"
_STEPS = 100_000  # instructions of SQLite's machine between two looks at the clock
_MOST_LOOKS = 2_000
_HEAD = 100


def headers(data: bytes) -> Iterator[bytes]:
    """Yield the headers of the file; raises Unseen where it is none or does not hold together."""
    import sqlite3  # noqa: PLC0415 - for guests with such a database, when somebody asks

    if len(data) < _HEAD or not data.startswith(_MAGIC):
        raise Unseen("it is no SQLite database")
    looks = iter(range(_MOST_LOOKS))
    database = sqlite3.connect(":memory:")
    try:
        database.deserialize(data[:18] + _NO_WAL + data[20:] if data[18:20] == _WAL else data)
        database.set_progress_handler(lambda: next(looks, None) is None, _STEPS)
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "query_only=ON"):
            database.execute(f"PRAGMA {pragma}")
        rows = database.execute("SELECT blob FROM Packages LIMIT ?", (MOST_PACKAGES,))
        for (blob,) in rows:
            yield blob if isinstance(blob, bytes) else b""
    except (sqlite3.Error, ValueError, OverflowError, MemoryError) as error:  # an error's text may be no UTF-8
        raise Unseen(str(error) or "it needs more memory than there is") from error
    finally:
        database.close()
