"""What is asked where the recorded relapse and the assessments after a response do not agree."""

from __future__ import annotations

import pytest

from chartline.checks.engine import check_data
from chartline.core.query import Query, Severity, Topic
from chartline.protocol.model import Protocol
from checks_cases import alone
from truth_data import tiny

DOSES = "USUBJID|EXSTDTC|EXCYCLE|EXCYDAY|EXDOSM2|EXDOSE\nP1|2020-01-01|1|1|0.8|1.6"
PEOPLE = "USUBJID|BRTHDTC|SEX|AGE|BSA\nP1|1980-06-01|F|39|2.0"


def asked(
    protocol: Protocol, later: str, relapse: str = "", flag: str = "", first: str = "2|0|ABSENT|CR"
) -> list[Query]:
    """A response after cycle 1, a later assessment `date|blasts|blood|EMD|response`, the recorded relapse."""
    rs = (
        f"USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|INVRESP\nP1|2020-01-28|1|{first}\nP1|{later.replace('|', '|0|', 1)}"
    )
    ss = f"USUBJID|RELAPSE|RELDTC|DTHFL|LKADTC\nP1|{flag or ('Y' if relapse else 'N')}|{relapse}|N|2021-01-01"
    queries = check_data(tiny(DM=PEOPLE, EX=DOSES, RS=rs, SS=ss), alone(protocol, "relapse_discordant"))
    return [q for q in queries if q.rule == "relapse_discordant"]


@pytest.mark.parametrize("finding", ["40|0|ABSENT|RELAPSE", "5|0|ABSENT|", "1|3|ABSENT|", "1|0|PRESENT|"])
def test_a_relapse_that_is_seen_and_not_recorded(reference_protocol: Protocol, finding: str) -> None:
    (q,) = asked(reference_protocol, f"2020-05-01|{finding}")
    assert (q.severity, q.topics) == (Severity.WARN, frozenset({Topic.RELAPSE}))
    assert "2020-05-01" in q.message and "no relapse is recorded" in q.message
    assert "ss.csv!row 2!RELAPSE" in q.addresses


@pytest.mark.parametrize(
    ("finding", "first"),
    [
        ("4.9|0|ABSENT|CR", "2|0|ABSENT|CR"),
        ("<5|0|ABSENT|", "2|0|ABSENT|CR"),
        ("4|0|PERSISTENT|", "2|0|ABSENT|CR"),
        ("40|0|ABSENT|NR", "30|0|ABSENT|PR"),  # never in response
        ("40|0|ABSENT|NR", "2|6|ABSENT|CRi"),  # what the team called a response was none: another question
        ("7|0|ABSENT|CR", "2|0|ABSENT|CR"),  # called a response: another question
    ],
)
def test_what_is_no_relapse_is_not_asked(reference_protocol: Protocol, finding: str, first: str) -> None:
    assert asked(reference_protocol, f"2020-05-01|{finding}", first=first) == []


@pytest.mark.parametrize(
    ("relapse", "n"),
    [
        ("2020-05-01", 0),
        ("2020-05-31", 0),  # 30 days apart
        ("2020-06-01", 1),
        ("2020-04-01", 0),
        ("2020-03-31", 1),
        ("2020-05", 0),
        ("2020-06", 1),  # 31 days at the least
        ("2020", 0),
    ],
)
def test_a_relapse_recorded_on_another_day_than_it_was_seen(reference_protocol: Protocol, relapse: str, n: int) -> None:
    assert len(asked(reference_protocol, "2020-05-01|40|0|ABSENT|RELAPSE", relapse)) == n


def test_a_relapse_before_the_response_is_another_question(reference_protocol: Protocol) -> None:
    assert asked(reference_protocol, "2020-05-01|40|0|ABSENT|RELAPSE", "2019-05-01") == []


@pytest.mark.parametrize(
    ("later", "n"),
    [
        ("2020-05-08|1|0|ABSENT|", 1),  # free of disease 7 days after it
        ("2020-05-09|1|0|ABSENT|", 0),  # treatment may have worked since
        ("2020-04-30|1|0|ABSENT|", 0),
        ("2020-05-08|1|0||", 0),  # sites not looked at: an extramedullary relapse contradicts nothing
        ("2020-05-08|1||ABSENT|", 0),
    ],
)
def test_a_recorded_relapse_that_an_assessment_contradicts(reference_protocol: Protocol, later: str, n: int) -> None:
    assert len(asked(reference_protocol, later, "2020-05-01")) == n


def test_a_recorded_relapse_without_an_assessment_is_not_asked(reference_protocol: Protocol) -> None:
    assert asked(reference_protocol, "2020-02-20|1|0|ABSENT|CR", "2020-05-01") == []
