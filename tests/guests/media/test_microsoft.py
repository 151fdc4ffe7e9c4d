import pytest

from imgbuild.guests.media.microsoft import identify


@pytest.mark.parametrize(("version", "machine", "label"), [
    ("XP", "x86", "GRTMPVOL_EN"), ("2003", "x86_64", "ARMEXFPP_EN"), (None, "x86_64", "BX2SXFPP_EN"),
    ("Vista", "x86_64", "FRTMEXVOL_EN_DVD"), ("Vista", "x86", "LRMCFRE_EN_DVD"), ("2008", "x86", "KRTMSVOL_EN_DVD"),
    ("7", "x86_64", "GSP1RMCNULXFRER_EN_DVD"), ("7", "x86", "GRMCPRVOL_DE_DVD"),
    ("2008 R2", "x86_64", "GRMSHXVOL_EN_DVD"),
    ("2008 R2", "x86_64", "GSP1RMSVOL_EN_DVD"), ("2008 R2", "ia64", "GRMSIAIVOL_EN_DVD"),
    ("8", "x86_64", "HRM_CCSA_X64FRE_EN-US_DV5"), ("8", "x86", "HB1_CCPA_X86FRE_EN-GB_DV5"),
    ("2012", "x86_64", "HRM_SSS_X64FREE_EN-US_DV5"), ("8.1", "x86_64", "IR5_CENA_X64FREV_EN-US_DV9"),
    ("2012 R2", "x86_64", "IR5_SSS_X64FREV_EN-US_DV9"), ("10", "x86_64", "J_CCSA_X64FRE_EN-US_DV5"),
    ("10", "x86", "CCCOMA_X86FRE_DE-DE_DV9"), ("10", "x86_64", "CENA_X64FREV_ZH-CN_DV5"),
    ("10", "x86_64", "J_CEDNA_X64FRE_SR-LATN-RS_DV5"),
    # Names that several releases share.
    (None, "x86_64", "CCCOMA_X64FRE_EN-US_DV9"), (None, "x86_64", "CPBA_X64FRE_EN-US_DV9"),
    (None, "aarch64", "CPBA_A64FRE_EN-US_DV9"), (None, "x86_64", "SSS_X64FREE_EN-US_DV9"),
    (None, "x86_64", "SHV_X64FRE_EN-US_DV9"), (None, "x86_64", "SERVER_EVAL_X64FRE_EN-US_DV9"),
])
def test_names_of_windows(version, machine, label):
    found = identify(label)
    assert (found.type, found.id, found.version, found.architecture) == ("Windows", "windows", version, machine)
    assert found.source == f"volume name {label!r}"


def test_servers_are_called_so():
    assert [identify(label).name for label in ("SSS_X64FREE_EN-US_DV9", "IRM_SSS_X64FREE_EN-US_DV9",
                                               "CPBA_X64FRE_EN-US_DV9", "IRM_CPRA_X64FREV_EN-US_DV5")] == [
        "Windows Server", "Windows Server 2012 R2", "Windows", "Windows 8.1"]


@pytest.mark.parametrize("label", ["", "WINDOWS", "OFFICE14", "SQLFULL_ENU", "VS2015_PRO_ENU", "GRM", "GRMCFRE",
                                   "XX_X64FRE_EN-US_DV9", "CCCOMA_X64FRE", "PROJECTPRO_EN_DVD", "SKB_EN_DVD", "J_CCSA"])
def test_other_products_and_names(label):
    assert identify(label) is None
