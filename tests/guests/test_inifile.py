"""Files of sections and keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgbuild.guests.inifile import Entry, last, parse, value_of

TEXT = "# a\n[Match]\nName = en*\n\n[Network]\n; b\nAddress=10.0.0.1/8\nAddress=10.0.0.2/8\nnonsense\n"


def test_entries():
    assert parse(TEXT) == [Entry("Match", "Name", "en*", 3), Entry("Network", "Address", "10.0.0.1/8", 7),
                           Entry("Network", "Address", "10.0.0.2/8", 8)]


def test_the_last_value_counts():
    assert last(parse(TEXT), "Network", "Address").line == 8
    assert value_of(parse(TEXT), "Network", "DHCP", "no") == "no"
    assert value_of(parse(TEXT), "Match", "Name") == "en*"


@given(st.text("[]=#;\nab ", max_size=80))
def test_any_text_is_read(text):
    assert all(entry.line <= text.count("\n") + 1 for entry in parse(text))
