"""The table of real labels in ``media/labels.txt``, whose head tells its form."""

from pathlib import Path

_TABLE = Path(__file__).parent / "media" / "labels.txt"

ROWS = [[cell.strip() for cell in line.split(" | ")]
        for line in _TABLE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
"""ID, version, architecture, then the volume's name and, where there are some, application and volume set."""


def header(volume, application="", volume_set="", **other):
    """Return the facts of a volume descriptor with these names."""
    return {"volume_id": volume, "application_id": application or None, "volume_set_id": volume_set or None, **other}
