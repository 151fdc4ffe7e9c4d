import pytest

from imgbuild.profiles import edition_words


@pytest.mark.parametrize(("words", "editions"), [
    (("standard",), ["Standard", "ServerStandard", "ServerStandardCore", "serverstandardevalcor"]),
    (("standard", "datacenter"), ["Standard, Datacenter", "ServerStandard,ServerDatacenter"]),
    (("web",), ["WEB", "Web", "ServerWebCore"]), (("core",), ["Core"]), ((), [None, "", ", ,"]),
])
def test_two_ways_to_write_an_edition_are_equal(words, editions):
    assert [edition_words(text) for text in editions] == [words] * len(editions)
