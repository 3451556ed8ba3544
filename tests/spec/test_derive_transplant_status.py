"""What is told of a transplantation and of earlier lines of therapy, and what the centre is asked about them."""

from __future__ import annotations

from typing import Any

import pytest

from chartline.checks.engine import check_data
from chartline.cohort.select import select_cohort
from chartline.core.query import Query
from chartline.derive.derive import derive_all
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from chartline.protocol.model import Protocol
from chartline.protocol.resolve import resolve
from chartline.trace.response_lines import discordant_lines
from checks_cases import alone
from derive_cases import because, derive, lean, protocol, row, variants
from truth_data import tiny

EX = "USUBJID|EXSTDTC|EXDOSM2\nP1|2020-01-01|0.8\nP1|2020-01-15|0.5"


def transplanted(on: str = "2020-03-01", more: str = "", **tables: str) -> Adam:
    """P1, treated from 2020-01-01 to 2020-01-15, in CRi on 2020-01-28 unless RS says otherwise."""
    names = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC|PRDONOR|PRCOND"
    pr = f"{names}\nP1|ALLOGENEIC HSCT|Y|AFTER|{on}|" + (more or "MSD|Flu/Mel")
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|2|0|ABSENT"
    return derive({"EX": EX, "PR": pr, "RS": rs} | tables)


def test_transplanted_in_response_without_other_therapy_is_a_bridge() -> None:
    adam = transplanted()
    assert row(adam["ADSL"], "HSCTFL", "HSCTSTAT", "HSCTBRFL", "HSCTINT", "HSCTDON") == ("Y", "CRi", "Y", 46, "MSD")
    assert because(adam, "ADSL.HSCTINTG") == ["transplanted on 2020-03-01, 46 days after the last dose"]


@pytest.mark.parametrize(
    ("tables", "status", "bridge"),
    [
        ({"CM": "USUBJID|CMCAT|CMTRT|CMSTDTC\nP1|SUBSEQUENT THERAPY|FLAG-Ida|2020-02-10"}, "CRi", "N"),
        ({"CM": "USUBJID|CMCAT|CMTRT|CMSTDTC\nP1|SUBSEQUENT THERAPY|FLAG-Ida|2020-03-02"}, "CRi", "Y"),  # afterwards
        ({"SS": "USUBJID|RELAPSE|RELDTC\nP1|Y|2020-02-20"}, "RELAPSE", "N"),
        ({"SS": "USUBJID|RELAPSE|RELDTC\nP1|Y|2020-06-01"}, "CRi", "Y"),  # afterwards
        ({"SS": "USUBJID|RELAPSE|RELDTC\nP1|Y|"}, None, None),  # when is not known
        ({"RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|40|0|ABSENT"}, "NR", "N"),
        ({"RS": "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD"}, None, None),  # no assessment
    ],
)
def test_status_and_bridge(tables: dict[str, str], status: str | None, bridge: str | None) -> None:
    assert row(transplanted(**tables)["ADSL"], "HSCTSTAT", "HSCTBRFL") == (status, bridge)


def test_the_last_assessment_before_it_counts() -> None:
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|2|0|ABSENT\nP1|2020-02-20|1|30|0|ABSENT"
    adam = transplanted(RS=rs)
    assert row(adam["ADSL"], "RESPFL", "HSCTSTAT", "HSCTBRFL") == ("Y", "NR", "N")


@pytest.mark.parametrize(
    ("day", "group"),
    [
        ("2020-02-12", "28 days or less"),  # 28 days after 2020-01-15
        ("2020-02-13", "29 to 60 days"),
        ("2020-03-15", "29 to 60 days"),  # 60
        ("2020-03-16", "61 to 120 days"),
        ("2020-05-14", "61 to 120 days"),  # 120
        ("2020-05-15", "More than 120 days"),
    ],
)
def test_the_interval_is_grouped(day: str, group: str) -> None:
    assert row(transplanted(day)["ADSL"], "HSCTINTG") == (group,)


@pytest.mark.parametrize(
    ("conditioning", "two", "thiotepa"),
    [
        ("Flu/Mel", "N", "N"),
        ("Flu/Bu2", "N", "N"),
        ("TBI/Cy", "N", "N"),
        ("Bu/Cy", "Y", "N"),
        ("Thiotepa/Bu/Flu", "Y", "Y"),
        ("TT + Flu", "N", "Y"),
        ("Flu/Xyz", None, None),  # a word the protocol does not know could be an alkylating agent, or thiotepa
        ("Bu/Cy/Xyz", "Y", None),
        ("", None, None),
    ],
)
def test_alkylating_agents_are_told_by_their_words(conditioning: str, two: str | None, thiotepa: str | None) -> None:
    adam = transplanted(more=f"MUD|{conditioning}")
    assert row(adam["ADSL"], "HSCTALK2", "HSCTTHIO") == (two, thiotepa)


@pytest.mark.parametrize(
    ("values", "high"),
    [
        ("2020-02-20|20.5|20.5", "Y"),  # exactly the upper limit
        ("2020-02-20|20.4|20.5", "N"),
        ("2020-02-10|40|20.5\nP1|BILI|2020-02-20|10|20.5", "N"),  # the last one
        ("2020-02-02|40|20.5", "Y"),  # 28 days before
        ("2020-02-01|40|20.5", None),  # 29 days before
        ("2020-03-01|40|20.5", None),  # on the day itself
        ("2020-02-20|40|", None),  # no limit
        ("2020-02|40|20.5", None),  # no day
    ],
)
def test_bilirubin_before_transplantation(values: str, high: str | None) -> None:
    lb = f"USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRHI\nP1|BILI|{values}"
    assert row(transplanted(LB=lb)["ADSL"], "HSCTBILI") == (high,)


@pytest.mark.parametrize(
    ("sample", "status"),
    [
        ("2020-02-20|0.001|0.0001|", "Negative"),
        ("2020-02-20|0.01|0.0001|", "Not negative"),  # exactly the threshold
        ("2020-02-20|0|0.001|NEGATIVE", "Test not sensitive enough"),
        ("2020-03-05|0|0.0001|", None),  # after it
    ],
)
def test_mrd_at_transplantation(sample: str, status: str | None) -> None:
    day, level, limit, said = sample.split("|")
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD|MRDVAL|MRDSENS|MRDCLASS\nP1|2020-01-28|1|2|0|ABSENT|||"
    adam = transplanted(RS=f"{rs}\nP1|{day}|1|2|0|ABSENT|{level}|{limit}|{said}")
    assert row(adam["ADSL"], "HSCTMRD") == (status,)


@pytest.mark.parametrize(
    ("recorded", "blasts", "differ"),
    [
        ("CR/CRi", 2, "N"),
        ("CR2", 2, "N"),
        ("Active disease", 40, "N"),
        ("Active disease", 2, "Y"),  # the marrow of 28 January says CRi
        ("CR/CRi", 40, "Y"),  # and here NR
        ("Relapsed, refractory", 2, "Y"),
        ("CR2 after relapse", 2, None),  # says both
        ("not in CR", 2, None),  # words that are not declared: not read as CR
        ("", 2, None),
    ],
)
def test_the_recorded_status_is_set_beside_the_derived_one(recorded: str, blasts: int, differ: str | None) -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC|PRSTATUS\nP1|ALLOGENEIC HSCT|Y|AFTER|2020-03-01|" + recorded
    rs = f"USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|{blasts}|0|ABSENT"
    assert row(transplanted(PR=pr, RS=rs)["ADSL"], "HSCTREC", "HSCTDIS") == (recorded or None, differ)


def test_a_status_that_differs_is_listed_with_both_sentences() -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC|PRSTATUS\nP1|ALLOGENEIC HSCT|Y|AFTER|2020-03-01|ACTIVE DISEASE"
    adam = transplanted(PR=pr)
    (line,) = discordant_lines(adam)["HSCTSTAT"]
    assert (line.subject, line.derived, line.recorded) == ("P1", "CRi", "ACTIVE DISEASE")
    assert line.why_derived.startswith("transplanted on 2020-03-01; last assessment before: CRi (marrow 2020-01-28")
    assert line.why_recorded == "transplanted on 2020-03-01; recorded status ACTIVE DISEASE"
    (beside,) = because(adam, "ADSL.HSCTDIS")
    assert beside == f"{line.why_derived}; recorded status ACTIVE DISEASE, no remission"
    agreed = transplanted(PR=pr.replace("ACTIVE DISEASE", "CRi"))
    assert discordant_lines(agreed)["HSCTSTAT"] == ()


def test_a_partial_remission_that_the_study_counts_as_a_response_is_one_in_the_record_too() -> None:
    pr = "USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC|PRSTATUS\nP1|ALLOGENEIC HSCT|Y|AFTER|2020-03-01|PR"
    rs = "USUBJID|RSDTC|RSCYCLE|BMBLAST|PBBLAST|EMD\nP1|2020-01-28|1|2|0|ABSENT"
    assert row(transplanted(PR=pr, RS=rs)["ADSL"], "HSCTSTAT", "HSCTDIS") == ("CRi", "Y")
    wide = {"criteria": "eln_2024", "assessments": "RSCYCLE >= 1", "responders": ["CR", "CRi", "MLFS", "PR"]}
    adam = derive({"EX": EX, "PR": pr, "RS": rs}, response=wide, response_variants={})
    assert row(adam["ADSL"], "HSCTSTAT", "HSCTDIS") == ("MLFS", "N")  # blasts below 5 %, no counts


def test_who_was_not_transplanted_has_nothing_of_it() -> None:
    adam = derive({"EX": EX})
    assert row(adam["ADSL"], "HSCTFL", "HSCTBRFL", "HSCTSTAT", "HSCTALK2", "HSCTBILI") == ("N", None, None, None, None)
    assert because(adam, "ADSL.HSCTBRFL") == ["no transplantation recorded after the first dose"]


# --- earlier therapy -------------------------------------------------------------------------------------------------

LINES = "USUBJID|MHCAT|MHTERM|MHORRES|MHSTDTC|MHSEQN|MHBESTRSP\n"


def history(*lines: str, stated: tuple[str, ...] = (), pr: str = "", **over: Any) -> tuple[Adam, list[Query]]:
    """P1 with lines `name|start|best response` and statements `category|finding`; the ADaM tables and the queries."""
    mh = LINES + "P1|DIAGNOSIS|B-cell acute lymphoblastic leukaemia||||\nP1|STATUS|Status|RELAPSED|||"
    for n, line in enumerate(lines, 1):
        name, start, best = line.split("|")
        mh += f"\nP1|PRIOR LINE|{name}||{start}|{n}|{best}"
    for statement in stated:
        category, finding = statement.split("|")
        mh += f"\nP1|{category}|{category}|{finding}|||"
    tables = {"EX": EX, "MH": mh, "DM": "USUBJID|BRTHDTC|SEX\nP1|1980-01-01|M"}
    if pr:
        tables["PR"] = f"USUBJID|PRTRT|PROCCUR|PRTIMING|PRSTDTC\nP1|ALLOGENEIC HSCT|{pr}"
    data, p = tiny(**tables), protocol(**(lean() | {key: {} for key in variants()} | over))
    adam = derive_all(data, select_cohort(data, p, (), "digest"), p, ())
    return adam, [q for q in check_data(data, alone(p, "history_discordant")) if q.rule == "history_discordant"]


@pytest.mark.parametrize(
    ("lines", "salvage", "status"),
    [
        (("Hyper-CVAD|2018-01-01|CR",), 1, "Relapsed"),
        (("UKALL-type|2018-01-01|NR", "FLAG-Ida|2019-01-01|NR"), 2, "Primary refractory"),
        (("UKALL-type|2018-01-01|NR", "FLAG-Ida|2019-01-01|CRi"), 2, "Relapsed"),
        (("UKALL-type|2018-01-01|PR",), 1, "Primary refractory"),  # a partial remission is none
        (("UKALL-type|2018-01-01|NR", "FLAG-Ida|2019-01-01|"), 2, None),  # response to the second not known
        (("UKALL-type|2018-01-01|NR", "FLAG-Ida|2021-01-01|CR"), 1, "Primary refractory"),  # after the first dose
        ((), None, None),  # nothing listed is not the same as nothing given
    ],
)
def test_lines_before_the_first_dose(lines: tuple[str, ...], salvage: int | None, status: str | None) -> None:
    assert row(history(*lines)[0]["ADSL"], "SALVAGE", "RRSTAT") == (salvage, status)


@pytest.mark.parametrize(
    ("months", "group"),
    [("11.9", "Under 12 months"), ("12", "12 months or longer"), ("12.1", "12 months or longer"), ("", None)],
)
def test_a_first_remission_of_exactly_twelve_months_is_not_short(months: str, group: str | None) -> None:
    stated = (f"CR1DUR|{months}",) if months else ()
    adam, _ = history("Hyper-CVAD|2016-01-01|CR", stated=stated)
    assert row(adam["ADSL"], "CR1GRP") == (group,)
    refractory, _ = history("Hyper-CVAD|2016-01-01|NR", stated=stated)
    assert row(refractory["ADSL"], "CR1GRP") == ("Primary refractory",)


@pytest.mark.parametrize(
    ("name", "blinatumomab", "cart"),
    [
        ("Blinatumomab", "Y", "N"),
        ("FLAG-Ida, then blinatumomab x2", "Y", "N"),
        ("CAR-T (CD19)", "N", "Y"),
        ("cart cells", "N", "Y"),
        ("Carmustine, T", "N", "N"),  # car and t are words, and do not follow each other here
        ("", None, None),
    ],
)
def test_agents_are_told_by_their_words(name: str, blinatumomab: str | None, cart: str | None) -> None:
    adam, _ = history(f"{name}|2018-01-01|CR")
    assert row(adam["ADSL"], "PRBLINFL", "PRCARTFL") == (blinatumomab, cart)


@pytest.mark.parametrize(
    ("pr", "flag"),
    [
        ("Y|BEFORE|2019-01-01", "Y"),
        ("Y|BEFORE|", "Y"),
        ("|BEFORE|2020-01", "Y"),  # the month of the first dose, told by its timing
        ("N|BEFORE|", "N"),
        ("Y|AFTER|2020-03-01", "N"),
        ("", "N"),
    ],
)
def test_transplanted_before_the_first_dose(pr: str, flag: str) -> None:
    assert row(history("Hyper-CVAD|2018-01-01|CR", pr=pr)[0]["ADSL"], "PRHSCTFL") == (flag,)


@pytest.mark.parametrize(
    ("stated", "pr", "message"),
    [
        ("LINES|2", "", "2 earlier lines are stated, but 1 are listed (Hyper-CVAD)."),
        ("PRIOR BLINATUMOMAB|Y", "", "Prior blinatumomab is stated as yes, but none is listed."),
        ("PRIOR HSCT|N", "Y|BEFORE|2019-01-01", "Transplantation before day 0 is stated as no, but it is listed."),
        # 2018-01-01 to 2020-01-01 are 730 days, 24.0 months; 26 are 2 more
        (
            "CR1DUR|26",
            "",
            "The first remission is given as 26 months, but only 24.0 months lie between the start of the first line "
            "and what came next.",
        ),
    ],
)
def test_a_statement_that_the_list_contradicts_is_asked(stated: str, pr: str, message: str) -> None:
    _, queries = history("Hyper-CVAD|2018-01-01|CR", stated=(stated,), pr=pr)
    assert [q.message for q in queries] == [message]
    assert not queries[0].blocks
    assert len(queries[0].addresses) == 2  # the statement, and the first line


@pytest.mark.parametrize("stated", ["LINES|1", "PRIOR BLINATUMOMAB|N", "PRIOR HSCT|N", "CR1DUR|24.9"])
def test_a_statement_that_agrees_is_not_asked(stated: str) -> None:
    assert history("Hyper-CVAD|2018-01-01|CR", stated=(stated,))[1] == []


def test_relapsed_without_any_remission_is_asked() -> None:
    _, queries = history("Hyper-CVAD|2018-01-01|NR")
    assert [q.message for q in queries] == [
        "The disease is stated as relapsed, but the list has Hyper-CVAD, without a remission."
    ]


def test_a_line_after_the_first_dose_is_asked_beside_it() -> None:
    _, queries = history("Hyper-CVAD|2018-01-01|CR", "FLAG-Ida|2020-02-01|NR")
    assert [q.message for q in queries] == ["1 line of earlier therapy began after the first dose."]


def test_a_study_without_lines_or_transplantation_has_nothing_of_them() -> None:
    data, p = tiny(EX=EX), protocol(prior_therapy=None, transplant=None)
    adam = derive_all(data, select_cohort(data, p, (), "digest"), p, ())
    assert not {"SALVAGE", "RRSTAT", "PRBLINFL", "HSCTBRFL", "HSCTALK2"} & set(adam["ADSL"].columns)


@pytest.mark.parametrize(
    ("key", "over", "says"),
    [
        ("prior_therapy", {"agents": {"BOR": {"label": "x", "words": ["x"]}}}, "cannot be the ADSL name of an agent"),
        ("prior_therapy", {"first_remission": "STATUS"}, "number among the characteristics"),
        ("prior_therapy", {"recorded": {"CR1GRP": "CR1DUR"}}, "variable of earlier therapy"),
        ("transplant", {"interval_days": [60, 28]}, "groups of days end at 60, 28"),
        ("transplant", {"recorded_active": ["cr"]}, "means a remission and no remission"),
        ("transplant", {"other_conditioning": ["bu"]}, "names two things"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(key: str, over: dict[str, Any], says: str) -> None:
    base = getattr(protocol(), key).model_dump(by_alias=True)
    wrong: Protocol = protocol(**{key: base | over})
    with pytest.raises(ProtocolError) as e:
        resolve(wrong, "")
    assert says in str(e.value)
