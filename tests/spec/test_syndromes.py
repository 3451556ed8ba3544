"""Syndromes by criteria: met, not met, or not assessable, and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.core.query import Topic
from chartline.counts.model import CountKey
from chartline.counts.syndromes import count_severities
from chartline.derive.model import Adam
from chartline.errors import ProtocolError
from chartline.trace.syndromes import syndrome_lines
from derive_cases import bare, because, block, derive

EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1\nP1|2020-01-17|1"
HSCT = "USUBJID|PRTRT|PRSTDTC|PRTIMING\nP1|ALLOGENEIC HSCT|2020-03-01|AFTER"


def syndrome(
    criteria: str, *, fa: str = "", lb: str = "", ae: str = "", queries: Any = (), more: Any = None, **over: Any
) -> Adam:
    """One patient, first dose 10 January 2020, last dose 17 January, under one set of criteria called IT.

    `fa`: lines `finding|date|answer`; `lb`: `test|date|value|upper limit`; `ae`: `term|onset`.
    """
    tables = charts(fa=fa, lb=lb, ae=ae, more=more)
    return derive(tables, queries, **bare() | {"syndromes": {"IT": {"criteria": criteria} | over}})


def charts(*, fa: str = "", lb: str = "", ae: str = "", more: Any = None) -> dict[str, str]:
    tables = {"EX": EX} | (more or {})
    for domain, head, lines in (
        ("FA", "USUBJID|FAOBJ|FATESTCD|FADTC|FAORRES", [f"P1|VOD/SOS|{x}" for x in fa.split()]),
        ("LB", "USUBJID|LBTESTCD|LBDTC|LBSTRESN|LBSTNRHI", [f"P1|{x}" for x in lb.split()]),
        ("AE", "USUBJID|AETERM|AESTDTC", [f"P1|{x}" for x in ae.splitlines() if x.strip()]),
    ):
        if lines:
            tables[domain] = "\n".join([head, *lines])
    return tables


def severities(cases: list[dict[str, str]], *criteria: str) -> list[tuple[str | None, ...]]:
    """The severity of each case, a patient of one study, by each set; everyone must have met all of them."""
    study: dict[str, list[str]] = {}
    for i, case in enumerate(cases):
        for domain, text in case.items():
            head, *lines = text.splitlines()
            study.setdefault(domain, [head]).extend(f"Q{i:02}|{line.removeprefix('P1|')}" for line in lines)
    tables = {domain: "\n".join(lines) for domain, lines in study.items()}
    adam = derive(tables, **bare() | {"syndromes": {c.upper(): {"criteria": c} for c in criteria}})
    assert adam["ADSYN"]["AVALC"].unique().to_list() == ["MET"]
    return adam["ADSL"].sort("USUBJID").select(f"{c.upper()}_SEV" for c in criteria).rows()


def verdict(adam: Adam) -> str:
    return str(adam["ADSYN"]["AVALC"].item())


def told(adam: Adam, *names: str) -> tuple[Any, ...]:
    return adam["ADSYN"].select(names).row(0)


# Three values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fa", "what", "missing"),
    [
        ("BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6 ASCITES|2020-03-10|Y", "MET", "Hepatomegaly"),  # not needed
        # Two of hepatomegaly, weight and ascites are needed; one is there, and two are not known.
        ("BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6", "NOT ASSESSABLE", "Hepatomegaly; Ascites"),
        # Bilirubin is below 2 mg/dL: whatever the rest, the criteria are not met.
        ("BILI_MGDL|2020-03-10|1.5", "NOT MET", "Hepatomegaly; Weight gain above 5 %; Ascites"),
        # Two of three are known to be absent: two can no longer be reached.
        ("BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|1 ASCITES|2020-03-10|N", "NOT MET", "Hepatomegaly"),
        # Nothing recorded is not "no".
        ("", "NOT ASSESSABLE", "Bilirubin of 2 mg/dL or more; Hepatomegaly; Weight gain above 5 %; Ascites"),
        # An answer that is neither yes nor no is not understood, and so not known.
        ("BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6 ASCITES|2020-03-10|?", "NOT ASSESSABLE", "Hepatomegaly; Ascites"),
    ],
)  # fmt: skip
def test_baltimore_is_met_not_met_or_not_assessable(fa: str, what: str, missing: str) -> None:
    adam = syndrome("vod_baltimore", fa=fa, more={"PR": HSCT})
    assert told(adam, "AVALC", "SYNMISS") == (what, missing)


def test_the_flag_of_adsl_is_yes_no_or_missing() -> None:
    def flag(fa: str) -> tuple[Any, ...]:
        return syndrome("vod_baltimore", fa=fa, more={"PR": HSCT})["ADSL"].select("IT", "IT_DT").row(0)

    met = flag("BILI_MGDL|2020-03-08|3 WTGAIN|2020-03-10|6 ASCITES|2020-03-09|Y HEPATOMEG|2020-03-15|Y")
    assert [str(v) for v in met] == ["Y", "2020-03-10"]  # bilirubin on the 8th, the second of the three on the 10th
    assert flag("BILI_MGDL|2020-03-10|1.5") == ("N", None)
    assert flag("") == (None, None)


def test_every_item_that_decided_it_is_told_with_its_cell() -> None:
    adam = syndrome("vod_baltimore", fa="BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6", more={"PR": HSCT})
    assert because(adam, "ADSL.IT")[1:] == [
        "Bilirubin of 2 mg/dL or more, so: recorded as 3 on 2020-03-10",
        "Hepatomegaly, not known: not recorded",
        "Weight gain above 5 %, so: recorded as 6 on 2020-03-10",
        "Ascites, not known: not recorded",
    ]
    cells = adam.trace.filter(pl.col("ITEM") == "ADSL.IT", pl.col("SRCSEQ").is_not_null())
    assert cells.select("SRCDOM", "SRCSEQ", "SRCVAR").rows() == [("FA", 1, "FAORRES"), ("FA", 2, "FAORRES")]


def test_the_sentence_says_what_is_known_and_what_is_not() -> None:
    adam = syndrome("vod_baltimore", lb="BILI|2020-03-10|60|20 BILI|2020-03-12|90|20", more={"PR": HSCT})
    assert because(adam, "ADSL.IT")[0] == (
        "not assessable, from transplantation 2020-03-01: not known: Hepatomegaly; Weight gain above 5 %; Ascites; so: "
        "Bilirubin of 2 mg/dL or more (Bilirubin (total) 60 umol/L on 2020-03-10 against 34.2)"
    )


# What speaks of an item ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "what"),
    [
        ({"fa": "ASCITES|2020-03-10|Y"}, "met"),
        ({"ae": "Ascites|2020-03-10"}, "met"),  # an adverse event of that name
        ({"fa": "ASCITES|2020-03-10|N", "ae": "Ascites|2020-03-12"}, "met"),  # any of them
        ({"fa": "ASCITES|2020-03-10|N"}, "not met"),
        ({"ae": "Nausea|2020-03-10"}, "not known"),  # no adverse event of that name says nothing
        ({"fa": "ASCITES|2020-02-10|Y"}, "not known"),  # before the transplantation
        ({"fa": "ASCITES|2020-03|Y"}, "not known"),  # in March: the 1st to the 22nd are inside, the rest is not
        ({"fa": "ASCITES|2020-02|Y"}, "not known"),  # in February: outside, so no evidence at all
    ],
)
def test_a_finding_or_an_adverse_event_within_the_window(evidence: dict[str, str], what: str) -> None:
    adam = syndrome("vod_baltimore", more={"PR": HSCT}, **evidence)
    lists = dict(zip(("met", "not met", "not known"), told(adam, "SYNMET", "SYNNOT", "SYNMISS"), strict=True))
    assert [name for name, labels in lists.items() if "Ascites" in labels] == [what]


@pytest.mark.parametrize(
    ("value", "so"),
    [
        ("34.2", True),  # 2 mg/dL x 17.1
        ("34.1", False),
        (">30", None),  # may be more than 34.2 or not
        (">40", True),
        ("<20", False),
    ],
)
def test_a_laboratory_value_may_be_a_bound(value: str, so: bool | None) -> None:
    adam = syndrome("vod_baltimore", lb=f"BILI|2020-03-10|{value}|20", more={"PR": HSCT})
    label = "Bilirubin of 2 mg/dL or more"
    assert [label in labels for labels in told(adam, "SYNMET", "SYNNOT", "SYNMISS")] == [
        so is True,
        so is False,
        so is None,
    ]


# Where days are counted from ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transplanted", "day", "what", "how"),
    [
        ("2020-03-01", "2020-03-22", "MET", "classical"),  # day 21
        ("2020-03-01", "2020-03-23", "MET", "late onset"),  # day 22
        ("", "2020-03-13", "MET", "without transplantation"),  # day 56 after the last dose
        ("", "2020-03-14", "NOT ASSESSABLE", None),
    ],
)
def test_ebmt_2016_is_classical_to_day_21_late_after_it_and_else_counts_from_the_last_dose(
    transplanted: str, day: str, what: str, how: str | None
) -> None:
    pr = {"PR": HSCT.replace("2020-03-01", transplanted)} if transplanted else {}
    fa = " ".join(f"{c}|{day}|{v}" for c, v in (("BILI_MGDL", "3"), ("WTGAIN", "6"), ("ASCITES", "Y")))
    assert told(syndrome("vod_ebmt_2016", fa=fa, more=pr), "AVALC", "SYNCAT") == (what, how)


def test_late_onset_without_high_bilirubin_needs_two_signs_and_imaging() -> None:
    signs = "BILI_MGDL|2020-04-01|1 WTGAIN|2020-04-01|6 ASCITES|2020-04-01|Y"
    rest = " HEPATOMEG|2020-04-01|N RUQPAIN|2020-04-01|N HISTOLOGY|2020-04-01|N HVPG|2020-04-01|5"
    late = {"PR": HSCT}
    assert verdict(syndrome("vod_ebmt_2016", fa=f"{signs} DOPPLER|2020-04-01|Y", more=late)) == "MET"
    # Classical onset cannot be excluded, for nothing was recorded by day 21.
    assert verdict(syndrome("vod_ebmt_2016", fa=f"{signs}{rest} DOPPLER|2020-04-01|N", more=late)) == "NOT ASSESSABLE"
    excluded = f"{signs}{rest} DOPPLER|2020-04-01|N BILI_MGDL|2020-03-05|1"
    assert verdict(syndrome("vod_ebmt_2016", fa=excluded, more=late)) == "NOT MET"


def test_a_protocol_may_count_from_another_milestone() -> None:
    fa = "BILI_MGDL|2020-01-12|3 WTGAIN|2020-01-12|6 ASCITES|2020-01-12|Y"
    assert verdict(syndrome("vod_baltimore", fa=fa)) == "NOT ASSESSABLE"  # before the last dose
    adam = syndrome("vod_baltimore", fa=fa, counted_from=["first_dose"])
    assert told(adam, "AVALC", "SYNFROM", "SYNDAY0") == ("MET", "first dose", dt.date(2020, 1, 10))


def test_who_died_before_a_window_opened_cannot_meet_it() -> None:
    ss = {"SS": "USUBJID|DTHFL|DTHDTC\nP1|Y|2020-03-15", "PR": HSCT}  # day 14 after the transplantation
    fa = "BILI_MGDL|2020-03-10|1"  # not classical
    assert verdict(syndrome("vod_ebmt_2016", fa=fa, more=ss)) == "NOT MET"
    assert verdict(syndrome("vod_ebmt_2016", fa=fa, more={"PR": HSCT})) == "NOT ASSESSABLE"


def test_a_transplantation_without_a_date_leaves_every_window_unknown() -> None:
    pr = {"PR": "USUBJID|PRTRT|PRTIMING\nP1|ALLOGENEIC HSCT|AFTER"}
    fa = "BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6 ASCITES|2020-03-10|Y"
    assert verdict(syndrome("vod_baltimore", fa=fa, more=pr)) == "NOT ASSESSABLE"


# EBMT 2023 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fa", "how"),
    [
        ("WTGAIN|2020-03-10|6 ASCITES|2020-03-10|Y", "probable"),
        ("ASCITES|2020-03-10|Y ELASTOGR|2020-03-10|Y", "probable"),
        ("BILI_MGDL|2020-03-10|2 WTGAIN|2020-03-10|6 ASCITES|2020-03-10|Y", "clinical"),
        ("HISTOLOGY|2020-03-10|Y", "proven"),
        ("HVPG|2020-05-10|10", "proven"),
    ],
)
def test_ebmt_2023_is_probable_clinical_or_proven(fa: str, how: str) -> None:
    assert told(syndrome("vod_ebmt_2023", fa=fa, more={"PR": HSCT}), "AVALC", "SYNCAT") == ("MET", how)


# Severity -------------------------------------------------------------------------------------------------------------

SIGNS = "BILI_MGDL|2020-03-10|{bilirubin} WTGAIN|2020-03-10|{weight} ASCITES|2020-03-10|Y {more}"
NO_FAILURE = "MOD|2020-03-10|N SIGNDAYS|2020-03-10|9 VODRISKN|2020-03-10|0"
LABS = (
    "ALT|2020-03-10|{alt}|40 CREA|2020-01-09|100|110 CREA|2020-03-10|{crea}|110 "
    "BILI|2020-03-09|33|20 BILI|2020-03-10|33|20"
)


RISKS = NO_FAILURE.replace("VODRISKN|2020-03-10|0", "VODRISKN|2020-03-10|2")
# bilirubin, weight, ALT, findings -> severity
EBMT = [
    (2, 6, 40, NO_FAILURE, "mild"),  # weight alone is moderate
    (3, 6, 40, NO_FAILURE, "moderate"),  # bilirubin and weight
    (5, 6, 201, NO_FAILURE, "severe"),  # bilirubin, transaminases above 5 x ULN, weight
    (8, 10, 40, NO_FAILURE, "very severe"),  # bilirubin and weight
    (8, 6, 201, NO_FAILURE, "severe"),  # one very severe criterion counts for the grades below it
    (2, 6, 40, NO_FAILURE.replace("MOD|2020-03-10|N", "MOD|2020-03-10|Y"), "very severe"),  # any organ failure
    (3, 6, 40, RISKS, "severe"),  # lifted by one
    (2, 6, 40, RISKS, "moderate"),
    (5, 6, 201, RISKS, "severe"),  # not this one
    (3, 6, 40, "", "at least moderate"),  # organ failure, first sign and risk factors are not known
    (2, 6, 40, NO_FAILURE.replace("SIGNDAYS|2020-03-10|9", ""), "mild to severe"),  # the first sign is not known
]  # fmt: skip


def test_ebmt_severity_is_the_worst_grade_with_two_criteria() -> None:
    cases = [
        charts(fa=SIGNS.format(bilirubin=b, weight=w, more=m), lb=LABS.format(alt=alt, crea=100), more={"PR": HSCT})
        for b, w, alt, m, _ in EBMT
    ]
    expected = [(severity, severity) for *_, severity in EBMT]
    assert severities(cases, "vod_ebmt_2016", "vod_ebmt_2023") == expected


SOFA = {
    "SOFARESP|2020-03-10|2 SOFACNS|2020-03-10|2": "very severe",  # two organs
    "PAFI|2020-03-10|299 GCS|2020-03-10|12": "very severe",  # by what was measured
    "SOFARESP|2020-03-10|4": "at least mild",  # one organ; nobody scored the others
    " ".join(f"SOFA{organ}|2020-03-10|1" for organ in ("RESP", "COAG", "LIV", "CV", "CNS", "REN")): "mild",
    "SOFARESP|2020-03-10|4 MOD|2020-03-10|N": "mild",  # the chart says that there was no dysfunction
    "SOFARESP|2020-03-10|2 SOFACNS|2020-03-10|2 MOD|2020-03-10|N": "very severe",  # what was scored outweighs it
    "MOD|2020-03-10|Y": "very severe",
    "": "at least mild",
}


def test_ebmt_2023_is_very_severe_with_two_failing_organs_by_sofa() -> None:
    rest = "SIGNDAYS|2020-03-10|9 VODRISKN|2020-03-10|0"
    signs = [SIGNS.format(bilirubin=2, weight=6, more=f"{rest} {organs}") for organs in SOFA]
    cases = [charts(fa=fa, lb=LABS.format(alt=40, crea=100), more={"PR": HSCT}) for fa in signs]
    assert severities(cases, "vod_ebmt_2023") == [(severity,) for severity in SOFA.values()]


VOD = "Veno-occlusive disease|2020-03-10|{end}|{grade}|{outcome}"
OVER = VOD.format(end="2020-04-01", grade=3, outcome="RECOVERED/RESOLVED")
# adverse event, cause of a death on day 61, finding -> severity
SEATTLE = [
    (OVER, "", "VODTRT|2020-03-10|N", "mild"),
    (OVER, "", "VODTRT|2020-03-10|Y", "moderate"),
    (OVER, "", "DEFIBROTIDE|2020-03-10|Y", "moderate"),
    (OVER, "", "", "mild to moderate"),  # whether it was treated is not known
    (OVER, "", "DEFIBROTIDE|2020-03-10|N", "mild to moderate"),  # another treatment may have been given
    (VOD.format(end="2020-06-09", grade=3, outcome="RECOVERED/RESOLVED"), "", "VODTRT|2020-03-10|Y", "moderate"),
    (VOD.format(end="2020-06-10", grade=3, outcome="RECOVERED/RESOLVED"), "", "", "severe"),  # day 101
    (VOD.format(end="", grade=3, outcome="NOT RECOVERED/NOT RESOLVED"), "Infection", "", "severe"),
    (VOD.format(end="2020-04-01", grade=5, outcome="FATAL"), "VOD", "", "severe"),
    (OVER, "Acute GVHD", "VODTRT|2020-03-10|Y", "moderate"),  # it had resolved before that death
    (VOD.format(end="", grade=3, outcome=""), "", "VODTRT|2020-03-10|Y", "at least moderate"),
    ("", "", "VODRESOL|2020-07-01|N", "severe"),
    ("", "", "", "at least mild"),
]


def test_seattle_severity_is_told_in_retrospect_by_treatment_and_resolution() -> None:
    cases = []
    for event, death, finding, _ in SEATTLE:
        died = f"P1|Y|2020-05-01|2020-05-01|{death}" if death else "P1|N||2021-01-01|"
        more = {"PR": HSCT, "SS": f"USUBJID|DTHFL|DTHDTC|LKADTC|DTHCAUS\n{died}"}
        more |= {"AE": f"USUBJID|AETERM|AESTDTC|AEENDTC|AETOXGR|AEOUT\nP1|{event}"} if event else {}
        cases.append(charts(fa=f"BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6 {finding}", more=more))
    assert severities(cases, "vod_seattle") == [(severity,) for *_, severity in SEATTLE]


def test_every_item_of_a_severity_is_told_with_its_cell() -> None:
    ae = {"AE": f"USUBJID|AETERM|AESTDTC|AEENDTC|AETOXGR|AEOUT\nP1|{OVER}"}
    fa = "BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6"
    adam = syndrome("vod_seattle", fa=fa, more={"PR": HSCT} | ae)
    assert because(adam, "ADSL.IT_SEV")[1:] == [
        "Not resolved by day 100, not so: adverse event Veno-occlusive disease, ended 2020-04-01",
        "Death by VOD/SOS, not so: adverse event Veno-occlusive disease from 2020-03-10, grade 3",
        "Sodium restriction, diuretics, medication for pain of the liver, or defibrotide, not known: not recorded",
    ]


def test_an_open_query_about_a_death_withholds_the_severity_alone() -> None:
    ss = {"SS": "USUBJID|DTHFL|DTHDTC|LKADTC|DTHCAUS\nP1|Y|2020-01-20|2020-01-20|CRS"}
    adam = syndrome("crs_astct", fa=GRADE_1["crs_astct"], more=ss, queries=[block("P1", Topic.DEATH)])
    assert adam["ADSL"].select("IT", "IT_SEV").row(0) == ("Y", None)
    line = syndrome_lines(adam)[0]
    assert (line.severity, "severity" in line.because) == ("", False)
    assert counted(adam) == {("IT", ""): 1}


def counted(adam: Adam) -> dict[tuple[str, ...], int]:
    key = CountKey(analysis="syndrome_severities", protocol_digest="d")
    return dict(count_severities(adam, adam["ADSL"].lazy(), ["IT"], key).cells)


def test_severities_are_counted_among_those_who_met_the_syndrome() -> None:
    assert counted(syndrome("crs_astct", fa=GRADE_1["crs_astct"], more=ALIVE)) == {("IT", "grade 1"): 1}
    assert counted(syndrome("crs_astct", fa="TEMP|2020-01-12|37.9")) == {}


# Hy's law -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lb", "what"),
    [
        ("ALT|2020-01-20|120|40 ALP|2020-01-20|100|120 BILI|2020-01-25|41|20", "MET"),
        ("ALT|2020-01-20|120|40 ALP|2020-01-20|241|120 BILI|2020-01-25|41|20", "NOT MET"),  # cholestasis
        ("ALT|2020-01-20|120|40 ALP|2020-01-20|100|120 BILI|2020-02-19|41|20", "MET"),  # 30 days later
        ("ALT|2020-01-20|120|40 ALP|2020-01-20|100|120 BILI|2020-01-22|30|20 BILI|2020-02-20|41|20", "NOT MET"),  # 31
        ("ALT|2020-01-20|120|40 ALP|2020-01-20|100|120 BILI|2020-01-15|41|20", "NOT ASSESSABLE"),  # only before
        ("ALT|2020-01-20|120|40 BILI|2020-01-25|41|20", "NOT ASSESSABLE"),  # no ALP
        ("ALT|2020-01-20|120| BILI|2020-01-25|41|20", "NOT ASSESSABLE"),  # no upper limit of normal
        ("ALT|2020-01-20|119|40 BILI|2020-01-25|41|20", "NOT MET"),  # no transaminase elevation on treatment
        ("BILI|2020-01-25|41|20", "NOT ASSESSABLE"),  # no transaminase measured
    ],
)
def test_a_biochemical_candidate_by_hys_law(lb: str, what: str) -> None:
    assert verdict(syndrome("hys_law", lb=lb)) == what


def test_no_set_is_called_a_case_of_hys_law() -> None:
    adam = syndrome("hys_law", lb="ALT|2020-01-20|120|40 ALP|2020-01-20|100|120 BILI|2020-01-25|41|20")
    assert adam["ADSYN"]["PARAM"].item() == "Biochemical candidate by Hy's law (ALP at most 2 x ULN, 30 days)"


def test_r_is_the_ratio_of_multiples_of_one_day() -> None:
    bili = "BILI|2020-01-25|41|20"
    # ALT 5 x ULN over ALP 1 x ULN is 5; over 1.01 x ULN it is less.
    assert verdict(syndrome("hys_law_r5", lb=f"ALT|2020-01-20|200|40 ALP|2020-01-20|120|120 {bili}")) == "MET"
    assert verdict(syndrome("hys_law_r5", lb=f"ALT|2020-01-20|200|40 ALP|2020-01-20|121.2|120 {bili}")) == "NOT MET"
    assert (
        verdict(syndrome("hys_law_r5", lb=f"ALT|2020-01-20|200|40 ALP|2020-01-21|120|120 {bili}")) == "NOT ASSESSABLE"
    )


def test_vod_near_a_candidate_is_told_and_does_not_change_it() -> None:
    lb = "ALT|2020-01-20|120|40 ALP|2020-01-20|100|120 BILI|2020-01-25|41|20"
    adam = syndrome("hys_law", lb=lb, ae="Veno-occlusive disease|2020-02-01")
    assert told(adam, "AVALC", "SYNTOLD") == ("MET", "VOD/SOS recorded")
    assert because(adam, "ADSL.IT")[0].endswith(
        "; beside it: VOD/SOS recorded (adverse event Veno-occlusive disease from 2020-02-01)"
    )


def test_several_elevations_are_days_0_of_their_own() -> None:
    lb = "ALT|2020-01-12|160|40 ALP|2020-01-12|300|120 BILI|2020-01-14|20|20 "
    lb += "ALT|2020-02-20|160|40 ALP|2020-02-20|90|120 BILI|2020-02-25|60|20"
    assert told(syndrome("hys_law", lb=lb), "AVALC", "SYNOCC", "SYNNMET") == ("MET", 2, 1)


# Doses given above the limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lb", "what", "n"),
    [
        ("BILI|2020-01-16|31|20 ALT|2020-01-16|101|40 AST|2020-01-16|30|40", "MET", 1),
        ("BILI|2020-01-16|31|20 ALT|2020-01-16|99|40 AST|2020-01-16|30|40", "NOT MET", 0),  # bilirubin alone
        ("BILI|2020-01-16|31|20 BILI|2020-01-17|30|20 ALT|2020-01-16|101|40", "NOT MET", 0),  # the last value counts
        ("BILI|2020-01-16|31|20", "NOT ASSESSABLE", 0),
    ],
)
def test_a_dose_of_inotuzumab_given_above_the_liver_limits(lb: str, what: str, n: int) -> None:
    before_the_first_dose = "BILI|2020-01-09|9|20 "
    assert told(syndrome("ino_liver_gate", lb=before_the_first_dose + lb), "AVALC", "SYNNMET") == (what, n)


def test_the_sentence_of_a_gate_names_each_dose() -> None:
    ex = {"EX": "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1\nP1|2020-02-10|2\nP1|2020-03-10|3"}
    base = "ANC|2020-01-09|2|7 PLT|2020-01-09|150|400 "
    lb = base + "ANC|2020-02-10|0.9|7 PLT|2020-02-10|80|400 ANC|2020-03-09|0.5|7 PLT|2020-03-09|60|400"
    adam = syndrome("ino_count_gate", lb=lb, more=ex)
    assert told(adam, "AVALC", "SYNOCC", "SYNNMET") == ("MET", 2, 2)
    assert because(adam, "ADSL.IT")[0] == (
        "met (blood counts), first dose of the cycle 2020-02-10: ANC below 1.0 x 10^9/L "
        "(Neutrophils 0.9 10^9/L on 2020-02-10 against 1); "
        "first dose of the cycle 2020-03-10: ANC below 1.0 x 10^9/L (Neutrophils 0.5 10^9/L on 2020-03-09 against 1)"
    )


def test_a_breach_is_dated_by_the_dose_and_not_by_the_value_before_it() -> None:
    ex = {"EX": "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-10|1\nP1|2020-02-10|2"}
    adam = syndrome("ino_count_gate", lb="ANC|2020-01-09|2|7 ANC|2020-02-07|0.9|7 PLT|2020-02-07|80|400", more=ex)
    assert told(adam, "AVALC", "ADT") == ("MET", dt.date(2020, 2, 10))


def test_who_began_no_later_cycle_cannot_breach_its_limits() -> None:
    adam = syndrome("ino_count_gate", lb="ANC|2020-01-12|0.1|7")
    assert (verdict(adam), because(adam, "ADSL.IT")) == ("NOT MET", ["no later cycle was begun"])


# Tumour lysis, cytokine release, neurotoxicity, haematotoxicity -------------------------------------------------------


SEIZURE = "SEIZURE|2020-01-12|Y SEIZGR|2020-01-12|3"


@pytest.mark.parametrize(
    ("lb", "fa", "how", "grade"),
    [
        ("K|2020-01-11|6.0|5 PHOS|2020-01-12|1.45|1.4", "", "laboratory", None),
        ("K|2020-01-11|6.0|5 PHOS|2020-01-12|1.45|1.4 CREA|2020-01-12|180|120", "", "clinical", "grade 1 to grade 4"),
        ("K|2020-01-09|4|5 K|2020-01-11|5.0|5 URATE|2020-01-12|476|400", "", "laboratory", None),  # up by 25 %
        (
            "K|2020-01-11|6|5 URATE|2020-01-12|476|400 CREA|2020-01-12|100|120",
            SEIZURE,
            "clinical",
            "grade 3 to grade 4",
        ),
        (
            "K|2020-01-11|6|5 URATE|2020-01-12|476|400 CREA|2020-01-12|100|120",
            f"{SEIZURE} ARRHYTHM|2020-01-12|N ARRHYGR|2020-01-12|0",
            "clinical",
            "grade 3",
        ),
    ],
)
def test_tumour_lysis_after_cairo_and_bishop(lb: str, fa: str, how: str, grade: str | None) -> None:
    adam = syndrome("tls_cairo_bishop", lb=lb, fa=fa, more={"SS": "USUBJID|DTHFL|LKADTC\nP1|N|2020-06-01"})
    assert told(adam, "AVALC", "SYNCAT") == ("MET", how)
    if grade is not None:
        assert adam["ADSYN"]["SYNSEV"].item() == grade


def test_one_of_four_electrolytes_leaves_tumour_lysis_open_and_none_denies_it() -> None:
    assert verdict(syndrome("tls_cairo_bishop", lb="K|2020-01-11|6.0|5")) == "NOT ASSESSABLE"
    base = "K|2020-01-09|4|5 PHOS|2020-01-09|1|1.4 URATE|2020-01-09|300|400 "
    assert (
        verdict(syndrome("tls_cairo_bishop", lb=base + "K|2020-01-11|4|5 PHOS|2020-01-11|1|1 URATE|2020-01-11|300|400"))
        == "NOT MET"
    )


ALIVE = {"SS": "USUBJID|DTHFL|LKADTC\nP1|N|2020-06-01"}


@pytest.mark.parametrize(
    ("fa", "what", "grade"),
    [
        ("TEMP|2020-01-12|38.0 VASOPRN|2020-01-12|0 HYPOTENS|2020-01-12|N OXYGEN|2020-01-12|NONE", "MET", "grade 1"),
        ("TEMP|2020-01-12|39 VASOPRN|2020-01-12|0 HYPOTENS|2020-01-12|Y OXYGEN|2020-01-12|NONE", "MET", "grade 2"),
        ("TEMP|2020-01-12|39 VASOPRN|2020-01-12|0 OXYGEN|2020-01-12|BLOW-BY", "MET", "grade 2"),
        ("TEMP|2020-01-12|39 VASOPRN|2020-01-12|1 OXYGEN|2020-01-12|BLOW-BY", "MET", "grade 3"),
        ("TEMP|2020-01-12|39 VASOPRN|2020-01-12|1 OXYGEN|2020-01-12|POSITIVE_PRESSURE", "MET", "grade 3 to grade 4"),
        ("TEMP|2020-01-12|39 VASOPRN|2020-01-12|2 OXYGEN|2020-01-12|NONE", "MET", "grade 4"),
        ("TEMP|2020-01-12|39", "MET", "grade 1 to grade 4"),  # pressure and oxygen are not known
        ("TEMP|2020-01-12|37.9 HYPOTENS|2020-01-12|Y", "NOT MET", None),
    ],
)
def test_cytokine_release_after_the_astct(fa: str, what: str, grade: str | None) -> None:
    assert told(syndrome("crs_astct", fa=fa, more=ALIVE), "AVALC", "SYNSEV") == (what, grade)


NONE = "CONSCIOU|2020-01-12|NORMAL SEIZURE|2020-01-12|N MOTORWK|2020-01-12|N BRAINOED|2020-01-12|N"


@pytest.mark.parametrize(
    ("fa", "what", "grade"),
    [
        (f"ICE|2020-01-12|10 {NONE}", "NOT MET", None),
        (f"ICE|2020-01-12|7 {NONE}", "MET", "grade 1"),
        (f"ICE|2020-01-12|6 {NONE}", "MET", "grade 2"),
        (f"ICE|2020-01-12|0 {NONE}", "MET", "grade 3"),
        (f"ICE|2020-01-12|0 {NONE.replace('NORMAL', 'UNAROUSABLE')}", "MET", "grade 4"),
        (f"ICE|2020-01-12|10 {NONE.replace('SEIZURE|2020-01-12|N', 'SEIZURE|2020-01-12|BRIEF')}", "MET", "grade 3"),
        (f"ICE|2020-01-12|8 {NONE.replace('BRAINOED|2020-01-12|N', 'BRAINOED|2020-01-12|DIFFUSE')}", "MET", "grade 4"),
        ("ICE|2020-01-12|8", "MET", "grade 1 to grade 4"),
        ("ICE|2020-01-12|10", "NOT ASSESSABLE", None),
    ],
)
def test_neurotoxicity_after_the_astct(fa: str, what: str, grade: str | None) -> None:
    assert told(syndrome("icans_astct", fa=fa, more=ALIVE), "AVALC", "SYNSEV") == (what, grade)


GRADE_1 = {
    "crs_astct": "TEMP|2020-01-12|38.0 VASOPRN|2020-01-12|0 HYPOTENS|2020-01-12|N OXYGEN|2020-01-12|NONE",
    "icans_astct": f"ICE|2020-01-12|7 {NONE}",
    "tls_cairo_bishop": "ARRHYTHM|2020-01-12|Y ARRHYGR|2020-01-12|1 SEIZURE|2020-01-12|N SEIZGR|2020-01-12|0",
}
LYSIS = "K|2020-01-11|6|5 URATE|2020-01-12|476|400 CREA|2020-01-12|100|120"


@pytest.mark.parametrize(
    ("criteria", "cause"),
    [
        ("crs_astct", "Cytokine release syndrome"),
        ("icans_astct", "ICANS"),
        ("tls_cairo_bishop", "Tumour lysis syndrome"),
    ],
)
def test_grade_5_is_death_of_the_declared_cause(criteria: str, cause: str) -> None:
    stated = {
        f"Y|2020-01-20|2020-01-20|{cause}": "grade 5 (death)",
        "Y|2020-01-20|2020-01-20|Progressive leukaemia": "grade 1",
        f"Y|2020-01-20|2020-01-20|Sepsis, {cause}": "at least grade 1",  # the main cause is not told
        "Y|2020-01-20|2020-01-20|": "at least grade 1",
        "N||2020-06-01|": "grade 1",
        "N||2020-01-20|": "at least grade 1",  # lost to follow-up
    }
    lb = LYSIS if criteria == "tls_cairo_bishop" else ""
    ss = [{"SS": f"USUBJID|DTHFL|DTHDTC|LKADTC|DTHCAUS\nP1|{x}"} for x in stated]
    cases = [charts(fa=GRADE_1[criteria], lb=lb, more=more) for more in ss]
    assert severities(cases, criteria) == [(grade,) for grade in stated.values()]


def test_a_recorded_grade_settles_what_the_death_record_does_not() -> None:
    ae = {"AE": "USUBJID|AETERM|AESTDTC|AETOXGR\nP1|Cytokine release syndrome|2020-01-12|{}"}
    for recorded, grade in ((5, "grade 5 (death)"), (1, "grade 1")):
        more = {"AE": ae["AE"].format(recorded)}
        assert told(syndrome("crs_astct", fa=GRADE_1["crs_astct"], more=more), "SYNSEV") == (grade,)


def anc(*values: tuple[int, float]) -> str:
    """Neutrophils on days after the first dose, 10 January 2020."""
    return " ".join(f"ANC|{dt.date(2020, 1, 10) + dt.timedelta(days=d)}|{v}|7" for d, v in values)


@pytest.mark.parametrize(
    ("values", "grade"),
    [
        ([(d, 0.4 if 5 <= d < 11 else 2) for d in range(31)], "grade 1"),  # 6 days
        ([(d, 0.4 if 5 <= d < 12 else 2) for d in range(31)], "grade 2"),  # 7 days
        ([(d, 0.4 if 5 <= d < 19 else 2) for d in range(31)], "grade 3"),  # 14 days
        ([(d, 0.1 if 5 <= d < 12 else 2) for d in range(31)], "grade 3"),  # 7 days at 100/uL
        (
            [(d, 0.4 if d in (5, 6, 7, 10, 11) else 2) for d in range(31)],
            "grade 2",
        ),  # 5 days, and 2 of recovery between
        ([(d, 0.4 if d in (5, 6, 7, 11, 12) else 2) for d in range(31)], "grade 1"),  # 3 days of recovery end it
        ([(d, 0.1 if 5 <= d < 19 else 2) for d in range(31)], "grade 4"),  # 14 days at 100/uL
        ([(d, 0.4) for d in range(31)], "grade 4"),  # never above
        ([(0, 2.0), (10, 0.4), (20, 2.0)], "at least grade 1"),  # nobody looked on the other days
    ],
)
def test_early_haematotoxicity_by_depth_and_duration(values: list[tuple[int, float]], grade: str) -> None:
    assert told(syndrome("icaht_early", lb=anc(*values)), "AVALC", "SYNSEV") == ("MET", grade)


@pytest.mark.parametrize(("value", "grade"), [(1.5, 1), (1.01, 1), (1.0, 2), (0.51, 2), (0.5, 3), (0.11, 3), (0.1, 4)])
def test_late_haematotoxicity_by_the_lowest_of_values_that_last(value: float, grade: int) -> None:
    lasting = anc((40, value), (47, 1.5))
    assert told(syndrome("icaht_late", lb=lasting), "AVALC", "SYNSEV") == ("MET", f"grade {grade}")


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([(40, 1.6)], "NOT MET"),
        ([(40, 0.1)], "NOT ASSESSABLE"),  # one value alone: nobody looked again
        ([(40, 0.1), (47, 1.6)], "NOT MET"),  # it did not last
        ([(29, 0.1), (30, 0.1)], "NOT ASSESSABLE"),  # not yet late
    ],
)
def test_late_haematotoxicity_needs_two_days(values: list[tuple[int, float]], what: str) -> None:
    assert verdict(syndrome("icaht_late", lb=anc(*values))) == what


# Summaries, queries, faults -------------------------------------------------------------------------------------------


def test_the_worst_values_of_cycles_without_dates_can_deny_a_candidate_but_not_make_one() -> None:
    head = "USUBJID|LBTESTCD|LBSUMM|LBCYCLE|LBSTRESN|LBSTNRHI\n"
    high = "P1|ALT|WORST|1|160|40\nP1|ALP|WORST|1|90|120\n"
    assert verdict(syndrome("hys_law", more={"LB": head + high + "P1|BILI|WORST|1|20|20"})) == "NOT MET"
    assert verdict(syndrome("hys_law", more={"LB": head + high + "P1|BILI|WORST|1|60|20"})) == "NOT ASSESSABLE"


def test_an_open_query_about_liver_values_withholds_the_flag() -> None:
    fa = "BILI_MGDL|2020-03-10|3 WTGAIN|2020-03-10|6 ASCITES|2020-03-10|Y"
    adam = syndrome("vod_baltimore", fa=fa, more={"PR": HSCT}, queries=[block("P1", Topic.LIVER)])
    assert adam["ADSL"]["IT"].item() is None
    assert "ADSL.IT" in adam.withheld["ITEM"].to_list()


def test_a_set_that_is_not_shipped_and_one_that_counts_otherwise_are_faults() -> None:
    with pytest.raises(ProtocolError, match="no rule set `vod_unheard_of`"):
        syndrome("vod_unheard_of")
    with pytest.raises(ProtocolError, match="counts from each dose"):
        syndrome("ino_liver_gate", counted_from=["first_dose"])


# Components -----------------------------------------------------------------------------------------------------------


def test_each_component_of_a_composite_is_judged_on_its_own() -> None:
    lb = "ALT|2020-01-20|300|40 AST|2020-01-20|100|40 BILI|2020-01-20|20|20"
    comp = syndrome("vod_baltimore", lb=lb)["ADCOMP"].filter(pl.col("PARAMCD") == "LIVANYFL")
    assert comp.sort("COMPN").select("COMP", "AVALC").rows() == [
        ("Alanine aminotransferase, grade 3 or more", "Y"),  # 7.5 x ULN
        ("Aspartate aminotransferase, grade 3 or more", "N"),
        ("Bilirubin (total), grade 3 or more", "N"),
        ("Alkaline phosphatase, grade 3 or more", None),
        ("Gamma-glutamyl transferase, grade 3 or more", None),
        ("Adverse event (vod), grade 3 or more", "N"),
    ]
