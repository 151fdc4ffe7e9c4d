"""The table of names as a table: each row can match, and each platform of the OS catalogue is in it."""

import re

import pytest

from imgbuild.guests.media import labels, systems
from imgbuild.guests.media.systems import NOT_LINUX, Words, system_of
from imgbuild.rulebook.catalogue import read_catalogue

GROUPS = {"v", "c", "p", "t", "e"}


@pytest.mark.parametrize("row", labels.rows(), ids=lambda row: f"{row.system}: {row.pattern[:30]}")
def test_a_row_is_a_pattern_that_begins_as_its_prefix_says(row):
    compiled = re.compile(row.pattern, re.IGNORECASE)
    assert set(compiled.groupindex) <= GROUPS
    assert row.field in {labels.VOLUME, labels.APPLICATION, labels.SET}
    assert row.prefix == "" or re.match(re.escape(row.prefix), row.pattern, re.IGNORECASE)


def test_few_rows_are_tried_for_any_name():
    """A pattern without a literal beginning is compiled for every disc."""
    assert sum(row.prefix == "" for row in labels.rows()) <= 6


def test_every_system_of_the_catalogue_has_a_row():
    catalogue, _ = read_catalogue()
    # Windows has its own table; the media of Container Linux carry no name of their own; 42.x and Leap share a row.
    expected = {entry.id for entry in catalogue.entries} - {"windows", "other", "coreos"}
    assert expected - {row.system for row in labels.rows()} == set()


@pytest.mark.parametrize("system", sorted({row.system for row in labels.rows()}))
def test_every_system_has_a_title_and_a_type(system):
    found = system_of(Words(system, "12.3", label="x", pack="SP1"))
    assert system in systems.TITLES
    assert found.type == ("Other" if system in NOT_LINUX else "Linux")
