"""Workflow commands of GitHub: one line for each finding, and nothing of an image can add another."""

from __future__ import annotations

from documents import BELOW, CUT, HOSTILE, NEAR, findings

from imgbuild import reports
from imgbuild.reports.page import Page
from imgbuild.reports.views import FindingsView


def lines(*found):
    view = FindingsView(findings=findings(*found), cloud="huaweicloud", status=1)
    return reports.render("github", view, Page()).decode().splitlines()


def test_severities_become_commands():
    assert [line.split(" ")[0] for line in lines(BELOW, CUT, NEAR)] == ["::error", "::warning", "::notice"]


def test_a_place_in_a_request():
    (line,) = lines(BELOW)
    command, words = line.removeprefix("::").split("::")
    assert command == "error file=request.json,line=3,col=15,title=ims-min-disk-below-disk"
    assert words.split("%0A") == [
        "request.json /min_disk: min_disk is 1 GiB: 3 or more is expected", "fix: Write 3 or more.",
        "says: Creating Image Metadata, https://example.com/api"]


def test_an_image_is_no_file_of_the_repository():
    assert lines(CUT)[0].startswith("::warning title=image-truncated::disk.qcow2: the file ends")


def test_a_guest_cannot_write_a_command():
    (line,) = lines(HOSTILE)
    assert line.startswith("::error title=guest-fstab-kernel-name::")
    assert "%0A::error" not in line


def test_nothing_found_says_nothing():
    assert lines() == []
