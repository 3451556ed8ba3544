"""A study, and a centre, write their own checks: where they are asked, where they are not, and what is refused.

P1 of every table is the sound neighbour and is asked nothing; P2 breaks the rule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chartline.checks.engine import check_data, check_settings
from chartline.core.query import Query, Severity, Topic
from chartline.errors import MappingError, ProtocolError
from chartline.mapping.load import load_mapping
from chartline.protocol.load import load_protocol
from chartline.protocol.own_checks import OwnCheck
from checks_cases import SOUND, alone
from derive_cases import protocol
from truth_data import tiny

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"


def own(**keys: Any) -> OwnCheck:
    return OwnCheck.model_validate({"id": "own", "domain": "LB", "says": "It is so.", **keys})


def asked(check: OwnCheck, centre: str | None = None, **tables: str) -> list[Query]:
    """The queries of one own check, of the study or of a centre, over the sound study with `tables` laid over it."""
    data = tiny(**{**SOUND, **tables})
    if centre is not None:
        queries = check_data(data, alone(protocol(), check.id), centre_checks={centre: (check,)})
    else:
        queries = check_data(data, alone(protocol(own_checks=[check]), check.id))
    return [q for q in queries if q.rule == check.id]


# --- what is asked

HB = """
    USUBJID | LBTESTCD | LBDTC      | LBORRES | LBORRESU | LBSTRESN
    P1      | HB       | 2020-01-02 | 98      | g/L      | 98
    P1      | PLT      | 2020-01-02 | 20      | 10^9/L   | 20
    P1      | HB       | 2020-01-03 | 98      | g/dL     | 39
    P2      | HB       | 2020-01-02 | 39.5    | g/L      | 39.5
"""


def test_a_condition_that_is_false_is_a_query_with_its_cells() -> None:
    check = own(
        where="LBTESTCD == 'HB' and LBORRESU == 'g/L'",
        expect="LBSTRESN >= 40",
        says="Haemoglobin of {LBSTRESN} on {LBDTC} looks like g/dL.",
        asks="Please give the unit of haemoglobin.",
    )
    (q,) = asked(check, LB=HB)
    assert (q.subject, q.severity, q.topics) == ("P2", Severity.WARN, {Topic.BLOOD_COUNTS})
    assert q.message == "Haemoglobin of 39.5 g/L on 2020-01-02 looks like g/dL."
    assert q.ask == "Please give the unit of haemoglobin."
    # the variables of `expect`, then of `where`, in the order in which they are written
    assert q.addresses == ("lb.csv!row 5!LBSTRESN", "lb.csv!row 5!LBTESTCD", "lb.csv!row 5!LBORRESU")
    assert q.saw == "Haemoglobin: 39.5 g/L; Laboratory test: HB; Unit as reported: g/L"


@pytest.mark.parametrize(
    ("expect", "is_asked"),
    [
        ("BMBLAST < 5", [False, True, False, False]),
        ("BMBLAST is present", [False, False, False, True]),
        ("BMBLAST is missing or BMBLAST < 5", [False, True, False, False]),
        ("not (BMBLAST >= 5)", [False, True, False, False]),
    ],
)
def test_unknown_is_never_a_query(expect: str, is_asked: list[bool]) -> None:
    """2 % holds, 20 % does not; "<20" may be 2 or 19, and nothing is nothing."""
    for blasts, is_query in zip(["2", "20", "<20", ""], is_asked, strict=True):
        rs = f"USUBJID | RSDTC | BMBLAST | INVRESP\nP2 | 2020-01-25 | {blasts} | CR"
        assert bool(asked(own(domain="RS", expect=expect), RS=rs)) is is_query, blasts


def test_dates_are_compared_as_days_and_a_month_is_unknown() -> None:
    check = own(domain="AE", expect="AESTDTC >= TRTSDT", says="{AETERM} began on {AESTDTC}, before {TRTSDT}.")
    ae = """
        USUBJID | AETERM | AESTDTC
        P1      | Nausea | 2020-01-01
        P1      | Rash   | 2019-12
        P1      | Cough  |
        P2      | Nausea | 2019-12-31
    """
    (q,) = asked(check, AE=ae)
    assert q.message == "Nausea began on 2019-12-31, before 2020-01-01."
    assert q.addresses == ("ae.csv!row 5!AESTDTC", "ex.csv!row 3!EXSTDTC")
    (q,) = asked(own(domain="AE", expect="AESTDTC >= '2020-01-01'"), AE=ae)
    assert q.subject == "P2"


def test_what_is_stated_of_the_subject_may_be_named_too() -> None:
    check = own(domain="LB", where="LBTESTCD == 'HB'", expect="SEX == 'F' or LBSTRESN < 160")
    lb = "USUBJID | LBTESTCD | LBORRES | LBSTRESN\nP1 | HB | 165 | 165\nP2 | HB | 165 | 165"
    (q,) = asked(check, LB=lb)
    assert q.addresses == ("dm.csv!row 3!SEX", "lb.csv!row 3!LBSTRESN", "lb.csv!row 3!LBTESTCD")


def test_a_check_of_what_is_stated_is_asked_once_a_subject() -> None:
    ss = "USUBJID | DTHFL | DTHDTC | LKADTC\nP1 | N | | 2021-01-01\nP1 | | | 2021-01-01\n"
    ss += "P2 | Y | 2020-02-01 | 2020-01-31"
    (q,) = asked(own(domain="SS", where="DTHFL == 'Y'", expect="LKADTC == DTHDTC", says="Last seen {LKADTC}."), SS=ss)
    assert q.message == "Last seen 2020-01-31."
    assert q.addresses == ("ss.csv!row 4!LKADTC", "ss.csv!row 4!DTHDTC", "ss.csv!row 4!DTHFL")


def test_a_check_of_a_centre_looks_at_that_centre_alone() -> None:
    lb = "CENTRE | USUBJID | LBTESTCD | LBORRES | LBSTRESN\nA | P1 | HB | 39 | 39\nB | P3 | HB | 39 | 39"
    check = own(expect="LBSTRESN >= 40")
    assert [q.subject for q in asked(check, centre="B", LB=lb)] == ["P3"]
    assert [q.subject for q in asked(check, LB=lb)] == ["P1", "P3"]


def test_a_check_may_block_and_says_what() -> None:
    check = own(expect="LBSTRESN >= 40", where="LBTESTCD == 'HB'", severity="block", topics=["liver"])
    (q,) = [q for q in asked(check, LB=HB) if q.subject == "P2"]
    assert (q.blocks, q.topics) == (True, {Topic.LIVER})


def test_a_domain_without_records_and_a_subject_without_the_fact() -> None:
    assert asked(own(domain="RS", expect="BMBLAST < 5")) == []
    assert asked(own(domain="AE", expect="AESTDTC >= TRTSDT"), EX="USUBJID | EXDOSE\nP1 | 1",
                 AE="USUBJID | AETERM | AESTDTC\nP1 | Rash | 2019-01-01") == []  # fmt: skip


# --- what is refused, with its line


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"domain": "XX", "expect": "A == 1"}, "there is no domain `XX`"),
        ({"expect": "LBSTRESM >= 40"}, "`expect` names LBSTRESM"),
        ({"expect": "LBSTRESN >= 'forty'"}, "compares LBSTRESN with 'forty'"),
        ({"expect": "LBDTC >= '2020'"}, "expected a day as '2020-01-31'"),
        ({"expect": "LBSTRESN + 1 >= 40"}, "cannot be read"),
        ({"expect": "LBSTRESN >= 40", "where": "AETERM == 'x'"}, "`where` names AETERM"),
        ({"expect": "LBSTRESN >= 40", "says": "{AGR} is low."}, "`says` names {AGR}"),
        ({"expect": "LBSTRESN >= 40", "severity": "block"}, "needs `topics`"),
        ({"expect": "LBSTRESN >= 40", "id": "Own check"}, "Must be a name of a check"),
    ],
)
def test_a_check_that_cannot_be_meant_is_refused_when_it_is_read(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("{", r"\{")):
        own(**keys)


OWN = """
own_checks:
  - {id: one, domain: LB, expect: LBSTRESN >= 40, says: It is so.}
  - id: %s
    domain: LB
    expect: %s
    says: It is so.
"""


def written(tmp_path: Path, of: Path, name: str, condition: str) -> tuple[Path, int]:
    """The file with two own checks at its end, and the line on which the second begins."""
    text = of.read_text(encoding="utf-8") + OWN % (name, condition)
    path = tmp_path / of.name
    path.write_text(text, encoding="utf-8")
    return path, 1 + text[: text.index(f"  - id: {name}")].count("\n")


@pytest.mark.parametrize(
    ("name", "condition", "words"),
    [("two", "LBSTRES >= 4", "names LBSTRES"), ("one", "LBSTRESN >= 4", "two own checks are called `one`")],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, name: str, condition: str, words: str) -> None:
    path, line = written(tmp_path, EXAMPLE / "protocol.yaml", name, condition)
    with pytest.raises(ProtocolError) as fault:
        load_protocol(path)
    assert words in fault.value.what
    assert f"line {line - 2 * (name == 'one')}" in fault.value.where
    path, line = written(tmp_path, EXAMPLE / "mappings" / "centre_A.yaml", name, condition)
    with pytest.raises(MappingError) as failed:
        load_mapping(path)
    assert f"line {line - 2 * (name == 'one')}" in failed.value.where


def test_a_name_that_a_shipped_check_has_is_refused(tmp_path: Path) -> None:
    path, line = written(tmp_path, EXAMPLE / "protocol.yaml", "dose_gap", "LBSTRESN >= 4")
    with pytest.raises(ProtocolError) as fault:
        check_settings(load_protocol(path), str(path), {})
    assert (fault.value.what, f"line {line}" in fault.value.where) == (
        "There is already a data check `dose_gap`.",
        True,
    )
    plain, file = load_protocol(EXAMPLE), tmp_path / "a.yaml"
    file.write_text(OWN % ("relapse_order", "LBSTRESN >= 4"), encoding="utf-8")
    with pytest.raises(MappingError) as failed:
        check_settings(
            plain,
            "",
            {"A": (str(file), (own(expect="LBSTRESN >= 4"), own(id="relapse_order", expect="LBSTRESN >= 4")))},
        )
    assert "line 4" in failed.value.where


def test_a_setting_of_a_shipped_check_that_means_nothing_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    text = (EXAMPLE / "protocol.yaml").read_text(encoding="utf-8")
    path.write_text(f"{text}\nchecks:\n  dose_gap: {{long_gaps: 3}}\n", encoding="utf-8")
    with pytest.raises(ProtocolError) as fault:
        check_settings(load_protocol(path), str(path), {})
    assert f"line {text.count(chr(10)) + 3}" in fault.value.where
