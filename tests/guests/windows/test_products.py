"""Products of Windows by their build, as Microsoft's pages list them, and editions by their EditionID."""

import pytest

from imgbuild.guests.windows.products import edition, product, product_name


@pytest.mark.parametrize(("build", "client", "server"), [
    (5999, None, None), (6000, "Vista", None), (6001, "Vista", "2008"), (6002, "Vista", "2008"),
    (6003, "Vista", "2008"),
    (7600, "7", "2008 R2"), (7601, "7", "2008 R2"), (9200, "8", "2012"), (9600, "8.1", "2012 R2"), (10240, "10", None),
    (14393, "10", "2016"), (17763, "10", "2019"), (19045, "10", None), (20348, "10", "2022"), (21999, "10", None),
    (22000, "11", None), (22631, "11", None), (26100, "11", "2025"), (26200, "11", None), (30000, None, None),
    (0, None, None),
])
def test_the_build_decides(build, client, server):
    assert (product(build, server=False), product(build, server=True)) == (client, server)


@pytest.mark.parametrize(("name", "version", "server"), [
    ("Windows 8.1", "8.1", False), ("Windows Server 2012 R2", "2012 R2", True), ("Windows Server 2025", "2025", True),
    ("Windows Server, version 1909", "1909", True), ("Windows Server, version 20H2", "20H2", True),
    ("Windows Server, version 2004", "2004", True),
])
def test_names(name, version, server):
    assert product_name(version, server=server) == name


@pytest.mark.parametrize(("words", "ids"), [
    ("Standard", ["ServerStandard", "ServerStandardCor", "ServerStandardCore", "ServerStandardEval",
    "ServerStandardV"]),
    ("Datacenter", ["ServerDatacenter", "ServerDatacenterEvalCor", "serverdatacenteracor"]),
    ("Enterprise", ["ServerEnterprise", "Enterprise", "EnterpriseEval"]), ("Web", ["ServerWeb", "ServerWebCore"]),
    ("Essentials", ["ServerSolution"]), ("Home", ["Core"]), ("Home N", ["CoreN"]),
    ("Professional N", ["ProfessionalN"]),
    ("Enterprise LTSC", ["EnterpriseS"]), ("Enterprise LTSC N", ["EnterpriseSN"]), ("NewThing", ["NewThing"]),
])
def test_editions(words, ids):
    assert [edition(word) for word in ids] == [words] * len(ids)
