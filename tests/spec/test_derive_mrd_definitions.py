"""MRD definitions: every threshold of every rule set on both its sides, what is mixed with what, the time points."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from chartline.core.clinical import schema
from chartline.derive.model import Adam
from chartline.derive.mrd_rules import Level, MrdRules, available_mrd_rules, load_mrd_rules
from chartline.derive.mrd_samples import judged, relapsed
from derive_cases import because, derive, row

RS = {**schema("RS"), "ADT": pl.Date()}
ADEQUATE = {"MRDSENS": 0.00002}


def sample(**values: Any) -> pl.LazyFrame:
    """One MRD sample of 1 January 2020; what is not named is missing."""
    known = {"RSDTC": "2020-01-01", "ADT": dt.date(2020, 1, 1)} | values
    return pl.LazyFrame({name: [known.get(name)] for name in RS}, schema=RS)


def category(name: str, **values: Any) -> str | None:
    return judged(sample(**values), load_mrd_rules(name)).collect()["CATEGORY"].item()


def thresholds(rules: MrdRules) -> dict[str, tuple[float, float]]:
    """Every threshold that stands in a file: its place -> (threshold, one unit of its variable)."""
    out = {
        f"{c.code} {r.operator}": (r.threshold, 0.001)
        for c in rules.categories
        for r in c.requires
        if isinstance(r, Level)
    }
    limit = rules.sensitivity
    out[f"sensitivity {limit.operator}"] = (limit.threshold, 0.00001)
    out["cells"] = (limit.events / limit.threshold, 1)
    out[f"relapse level {rules.relapse.level.operator}"] = (rules.relapse.level.threshold, 0.001)
    return out | {f"relapse marrow {rules.relapse.marrow.operator}": (rules.relapse.marrow.threshold, 1)}


# One unit below, at, and one unit above. Of the level: INO-VATE below 1e-4; European failure from 1e-4 on; ELN 2024
# failure above 1e-4, persistence any quantifiable. Of the limit of detection: at most 1e-4; 20 events in 200,000 cells.
RELAPSE_FROM = {"relapse level >=": (False, True, True), "relapse marrow <": (True, False, False)}
SIDES: dict[str, dict[str, tuple[Any, Any, Any]]] = {
    "ino_vate": {
        "NEGATIVE <": ("NEGATIVE", "POSITIVE", "POSITIVE"),
        "POSITIVE >=": ("NEGATIVE", "POSITIVE", "POSITIVE"),
        "sensitivity <=": ("NEGATIVE", "NEGATIVE", "INADEQUATE"),
        "cells": ("INADEQUATE", "NEGATIVE", "NEGATIVE"),
        **RELAPSE_FROM,
    },
    "euromrd": {
        "FAILURE >=": ("INTERMEDIATE", "FAILURE", "FAILURE"),
        "sensitivity <=": ("MRD-CR", "MRD-CR", "INADEQUATE"),
        "cells": ("INADEQUATE", "MRD-CR", "MRD-CR"),
        **RELAPSE_FROM,
    },
    "eln_2024_1": {
        "FAILURE >": ("OTHER", "OTHER", "FAILURE"),
        "sensitivity <=": ("COMPLETE", "COMPLETE", "INADEQUATE"),
        "cells": ("INADEQUATE", "COMPLETE", "COMPLETE"),
        "relapse level >": (False, False, True),
        "relapse marrow <": (True, False, False),
    },
    "eln_2024_2": {
        "PERSISTENCE >": (None, "COMPLETE", "PERSISTENCE"),  # no level is below 0
        "sensitivity <=": ("COMPLETE", "COMPLETE", "INADEQUATE"),
        "cells": ("INADEQUATE", "COMPLETE", "COMPLETE"),
        **RELAPSE_FROM,
    },
}
CASES = [
    (n, place, side) for n in available_mrd_rules() for place in thresholds(load_mrd_rules(n)) for side in range(3)
]


def test_every_threshold_has_its_sides_written_by_hand() -> None:
    assert {n: set(thresholds(load_mrd_rules(n))) for n in available_mrd_rules()} == {
        n: set(p) for n, p in SIDES.items()
    }


@pytest.mark.parametrize(("name", "place", "side"), CASES)
def test_both_sides_of_every_threshold(name: str, place: str, side: int) -> None:
    rules, want = load_mrd_rules(name), SIDES[name][place][side]
    threshold, unit = thresholds(rules)[place]
    value = round(threshold + (side - 1) * unit, 6)
    if want is None:
        return
    if place.startswith("relapse level"):
        assert sample(MRDVAL=value, BMBLAST=1).select(relapsed(rules)).collect().item() is want
    elif place.startswith("relapse marrow"):
        assert sample(MRDVAL=1, BMBLAST=value).select(relapsed(rules)).collect().item() is want
    elif place == "cells":
        assert category(name, MRDVAL=0, MRDCELLS=value) == want
    elif place.startswith("sensitivity"):
        assert category(name, MRDVAL=0, MRDSENS=value) == want
    else:
        assert category(name, MRDVAL=value, **ADEQUATE) == want


@pytest.mark.parametrize(
    ("values", "ino_vate", "euromrd", "eln_1", "eln_2"),
    [
        # 0.004 %: negative for a trial, not a complete MRD response
        ({"MRDVAL": 0.004, "MRDCLASS": "DETECTED BELOW 0.01%"}, "NEGATIVE", "INTERMEDIATE", "OTHER", "PERSISTENCE"),
        # the laboratory calls 0.004 % negative: it saw cells all the same
        ({"MRDVAL": 0.004, "MRDCLASS": "NEGATIVE"}, "NEGATIVE", "INTERMEDIATE", "OTHER", "PERSISTENCE"),
        # detectable, not quantifiable
        ({"MRDCLASS": "DETECTED BELOW 0.01%"}, "NEGATIVE", "INTERMEDIATE", "OTHER", "DETECTED"),
        ({"MRDCLASS": "NEGATIVE"}, "NEGATIVE", "MRD-CR", "COMPLETE", "COMPLETE"),
        # only an upper bound: below 0.01 % for certain, whether any cell was seen is not known
        ({"MRDVAL": 0.01, "MRDVAL_OP": "<"}, "NEGATIVE", "UNDECIDED", "UNDECIDED", "UNDECIDED"),
        ({"MRDVAL": 0.01, "MRDVAL_OP": "<", "MRDCLASS": "NEGATIVE"}, "NEGATIVE", "MRD-CR", "COMPLETE", "COMPLETE"),
        ({"MRDVAL": 0.1, "MRDVAL_OP": "<"}, "UNDECIDED", "UNDECIDED", "UNDECIDED", "UNDECIDED"),
        ({"MRDVAL": 1, "MRDVAL_OP": ">"}, "POSITIVE", "FAILURE", "FAILURE", "PERSISTENCE"),
        # positive at a level that nobody wrote down
        ({"MRDCLASS": "POSITIVE"}, "POSITIVE", "INTERMEDIATE", "OTHER", "DETECTED"),
        # level and word contradict each other: never negative
        ({"MRDVAL": 0, "MRDCLASS": "POSITIVE"}, "UNDECIDED", "INTERMEDIATE", "OTHER", "DETECTED"),
    ],
)
def test_four_definitions_of_one_sample(
    values: dict[str, Any], ino_vate: str, euromrd: str, eln_1: str, eln_2: str
) -> None:
    got = [category(n, **values, **ADEQUATE) for n in ("ino_vate", "euromrd", "eln_2024_1", "eln_2024_2")]
    assert got == [ino_vate, euromrd, eln_1, eln_2]


@pytest.mark.parametrize(
    ("limit", "cells", "negative"),
    [
        (None, 50_000, False),  # 20 / 50,000 = 4e-4
        (None, 1_000_000, True),
        (0.00002, 50_000, False),  # the claim of the assay does not stand on the cells that were acquired
        (0.00002, 1_000_000, True),
        (0.001, 1_000_000, False),
        (None, None, False),  # nothing shows that it was sensitive
    ],
)
def test_the_worse_of_the_recorded_limit_and_that_of_the_cells_counts(
    limit: float | None, cells: float | None, negative: bool
) -> None:
    for name in available_mrd_rules():
        got = category(name, MRDVAL=0, MRDCLASS="NEGATIVE", MRDSENS=limit, MRDCELLS=cells)
        assert (load_mrd_rules(name).standing[got or ""] == "negative") is negative


@pytest.mark.parametrize(
    ("assay", "specimen", "counted"),
    [
        ("FLOW", "MARROW", True),
        ("IG/TR PCR", None, True),
        ("NGS", "MARROW", True),
        (None, None, True),
        ("BCR::ABL1 TRANSCRIPT", "MARROW", False),
        ("FLOW", "BLOOD", False),
    ],
)
def test_another_analyte_or_specimen_is_not_counted(assay: str | None, specimen: str | None, counted: bool) -> None:
    for name in available_mrd_rules():
        got = category(name, MRDVAL=0, MRDASSAY=assay, MRDSPEC=specimen, **ADEQUATE)
        assert (got is not None) is counted


ALL = {"INO": "ino_vate", "EURO": "euromrd"}
MRD = {"id": "mrd", "kind": "mrd", "label": "MRD", "population": "treated", "definitions": ALL}
EX = "USUBJID|EXSTDTC|EXCYCLE\nP1|2020-01-01|1\nP1|2020-01-29|2"


def study(rs: str, **more: str) -> Adam:
    """Marrows `date|cycle|blasts|MRD %|class|cells|assay`, all without blood blasts or extramedullary disease."""
    lines = ["USUBJID|RSDTC|RSCYCLE|BMBLAST|MRDVAL|MRDCLASS|MRDCELLS|MRDASSAY|PBBLAST|EMD"]
    lines += [f"P1|{line.strip()}|0|ABSENT" for line in rs.strip().splitlines()]
    return derive({"EX": EX, "RS": "\n".join(lines)} | more, analyses=[MRD], headline={}, report={}, published=[])


def test_a_transcript_of_the_same_day_never_fills_a_gap_of_the_flow_result() -> None:
    adam = study(
        """2020-01-28|1|2|0|NEGATIVE||FLOW
           2020-01-28|1|||POSITIVE|1000000|BCR::ABL1 TRANSCRIPT"""
    )
    assert row(adam["ADSL"], "MRD_INO_VATE_BEST", "MRDNEGFL", "MRDTSTFL") == ("INADEQUATE", "N", "N")
    adam = study("2020-01-28|1|2|0.001||1000000|BCR::ABL1 TRANSCRIPT")
    assert row(adam["ADSL"], "MRD_INO_VATE_BEST", "MRDTSTFL") == (None, "N")
    assert because(adam, "ADSL.MRD_INO_VATE_BEST") == [
        "MRD of INO-VATE: MRD 0.001 % on 2020-01-28 (by a BCR::ABL1 transcript, 1000000 cells acquired): not counted "
        "by this definition"
    ]


WINDOWS = ("FIRST", "CYCLE", "BEST", "END", "HSCT")


@pytest.mark.parametrize(
    ("rs", "more", "want"),
    [
        # Response on 28 January; 14 days later is still at first response; cycle 2 and treatment end 11 March.
        ("2020-01-28|1|2||||\n2020-02-11|1|2|0||1000000|", {}, ("NEGATIVE",) * 4 + (None,)),
        ("2020-01-28|1|2||||\n2020-02-12|1|2|0||1000000|", {}, (None, *("NEGATIVE",) * 3, None)),
        ("2020-01-28|1|2||||\n2020-03-11|2|2|0||1000000|", {}, (None, *("NEGATIVE",) * 3, None)),
        ("2020-01-28|1|2||||\n2020-03-12|2|2|0||1000000|", {}, (None, None, "NEGATIVE", None, None)),
        # negative, then positive: best ever and end of treatment differ
        (
            "2020-01-28|1|2|0||1000000|\n2020-03-01|2|2|0.5|||",
            {},
            ("NEGATIVE", "NEGATIVE", "NEGATIVE", "POSITIVE", None),
        ),
        # an insufficient sample does not undo the last adequate one
        (
            "2020-01-28|1|2|0||1000000|\n2020-03-01|2|2|0||50000|",
            {"PR": "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|2020-04-01"},
            ("NEGATIVE",) * 5,
        ),
        # the day of the transplantation is not before it
        (
            "2020-01-28|1|2|0.5|||\n2020-04-01|2|2|0||1000000|",
            {"PR": "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|2020-04-01"},
            ("POSITIVE",) * 5,
        ),
    ],
)
def test_time_points(rs: str, more: dict[str, str], want: tuple[str | None, ...]) -> None:
    adam = study(rs, **more)
    assert row(adam["ADSL"], *[f"MRD_INO_VATE_{w}" for w in WINDOWS]) == want


def test_european_terms_are_assessed_in_remission_only() -> None:
    adam = study("2020-01-28|1|7|0||1000000|")
    assert row(adam["ADSL"], "RESPFL", "MRD_EUROMRD_BEST", "MRD_INO_VATE_BEST") == ("N", None, "NEGATIVE")
    assert because(adam, "ADSL.MRD_EUROMRD_BEST") == ["European MRD terms: no response, so not assessed"]


NEGATIVE = "2020-01-28|1|2|0||1000000|"


@pytest.mark.parametrize(
    ("later", "more", "relapse"),
    [
        ("2020-06-01|2|2|0.01|||", {}, "2020-06-01"),
        ("2020-06-01|2|2|0.009||1000000|", {}, None),
        ("2020-06-01|2||0.5|||", {}, "2020-06-01"),  # the marrow of that day is not known to have relapsed
        ("2020-06-01|2|30|12|||", {}, None),  # overt relapse is no MRD relapse
        ("2020-06-01|2|2|0.5|||", {"SS": "USUBJID|RELAPSE|RELDTC\nP1|Y|2020-06-02"}, "2020-06-01"),
        ("2020-06-01|2|2|0.5|||", {"SS": "USUBJID|RELAPSE|RELDTC\nP1|Y|2020-06-01"}, None),
        ("2020-06-01|2|2|0.5|||BCR::ABL1 TRANSCRIPT", {}, None),
        # after transplantation the response is over, the remission is not
        (
            "2020-06-01|2|2|0.5|||",
            {"PR": "USUBJID|PRTRT|PROCCUR|PRSTDTC\nP1|ALLOGENEIC HSCT|Y|2020-04-01"},
            "2020-06-01",
        ),
    ],
)
def test_mrd_relapse_is_a_conversion_in_haematological_remission(
    later: str, more: dict[str, str], relapse: str | None
) -> None:
    adam = study(f"{NEGATIVE}\n{later}", **more)
    day = None if relapse is None else dt.date.fromisoformat(relapse)
    assert row(adam["ADSL"], "MRDRELFL", "MRDRELDT") == ("N" if day is None else "Y", day)


def test_what_was_never_negative_has_no_mrd_relapse() -> None:
    adam = study("2020-01-28|1|2|0.5|||\n2020-06-01|2|2|0.5|||")
    assert row(adam["ADSL"], "MRDRELFL", "MRDRELDT") == ("N", None)
    assert because(adam, "ADSL.MRDRELFL") == ["never MRD-negative, so no MRD relapse"]


def test_the_sentence_of_an_mrd_relapse_names_both_samples() -> None:
    adam = study(f"{NEGATIVE}\n2020-06-01|2|2|0.5|||FLOW")
    assert because(adam, "ADSL.MRDRELDT") == [
        "MRD-negative on 2020-01-28, then MRD 0.5 % on 2020-06-01 (by flow cytometry, no limit of detection given): "
        "not negative"
    ]
