"""The ADSL variables that every study has, with the labels readers see. A protocol adds its own."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from chartline.protocol.base import own_variables
from chartline.protocol.treatment_names import treatment_levels, treatment_variables

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol

COHORT_VARIABLES: dict[str, str] = {
    "SITEID": "Centre",
    "AGE": "Age at first dose, years",
    "SEX": "Sex",
    "BRTHDT": "Date of birth",
    "TRTSDT": "Date of first dose",
    "TRTEDT": "Date of last dose",
}

DERIVED_VARIABLES: dict[str, str] = {
    "ELIGFL": "Eligible",
    "ELIGREAS": "Reason not eligible",
    "NCYC": "Cycles given",
    "NDOSE": "Doses given",
    "CUMDM2": "Cumulative dose, mg/m2",
    "CUMMG": "Cumulative dose, mg",
    "BOR": "Best response",
    "RESPFL": "Response",
    "BORDT": "Date of best response",
    "FRSPDT": "Date of first response",
    "FRSP": "First response",
    "FRSPCYC": "Cycle of first response",
    "TTRESP": "First dose to first response, days",
    "TTRESPM": "First dose to first response, months",
    "NEREAS": "Reason not evaluable",
    "REFRFL": "Refractory",
    "INVBOR": "Best response recorded by the treating team",
    "INVRSPFL": "Response recorded by the treating team",
    "DRELFL": "Relapse by the rule set",
    "DRELDT": "Date of relapse by the rule set",
    "RECRELFL": "Relapse recorded by the centre",
    "RECRELDT": "Date of relapse recorded by the centre",
    "MRDTSTFL": "Adequate MRD test",
    "MRDNEGFL": "MRD-negative",
    "MRDNEGDT": "Date of first MRD-negative sample",
    "MRDNEGCY": "Cycle of first MRD-negative sample",
    "DEEPFL": "Deep response",
    "MRDRELFL": "MRD relapse",
    "MRDRELDT": "Date of MRD relapse",
    "ONTRTEDT": "Last day on treatment",
    "HSCTFL": "Transplanted after first dose",
    "HSCTDT": "Date of transplantation",
    "HSCTINT": "Last dose to transplantation, days",
    "HSCTRESP": "Transplanted in response",
    "RELFL": "Relapse",
    "RELDT": "Date of relapse",
    "NEWTXFL": "New therapy",
    "NEWTXDT": "Date of new therapy",
    "DTHFL": "Dead",
    "DTHDT": "Date of death",
    "LKADT": "Last known alive",
    "OBSSTDT": "Start of observation period",
    "OBSENDT": "End of observation period",
}


# Time points of MRD, as readers see them; {cycle} is the protocol's.
MRD_WINDOWS: dict[str, str] = {
    "FIRST": "At first response",
    "CYCLE": "By the end of cycle {cycle}",
    "BEST": "At any time (best ever)",
    "END": "End of treatment",
    "HSCT": "Before transplantation",
}


# What an MRD rate is of, as readers see it, in the order of the table.
MRD_DENOMINATORS: dict[str, str] = {
    "tested": "of responders with an adequate test (A)",
    "responders": "of all responders, not tested is not negative (B)",
    "all": "of all patients (C)",
    "low": "of all responders, every missing test positive (D, lowest)",
    "high": "of all responders, every missing test negative (D, highest)",
}


def mrd_variable(definition: str, window: str) -> str:
    """Return the ADSL variable with the MRD category under a definition at a time point: MRD_INO_VATE_BEST."""
    return f"MRD_{definition.upper()}_{window}"


def mrd_compared(p: Protocol) -> dict[str, str]:
    """Return the MRD definitions that analyses of kind `mrd` compare: name of the rule set -> label."""
    return {name: label for a in p.analyses if a.kind == "mrd" for label, name in a.definitions.items()}


def mrd_labels(p: Protocol) -> dict[str, str]:
    """Return the ADSL variables with MRD categories -> label."""
    return {
        mrd_variable(name, w): f"MRD by {label}, {in_sentence(words.format(cycle=p.mrd.deep_by_cycle))}"
        for name, label in mrd_compared(p).items()
        for w, words in MRD_WINDOWS.items()
    }


# Milestones as words in a sentence.
EVENTS: dict[str, str] = {
    "first_response": "response",
    "relapse": "relapse",
    "transplant": "transplantation",
    "new_therapy": "new therapy",
    "death": "death",
    "lost": "loss to follow-up",
}
# Adjustments for multiple testing, with what each keeps at its level.
ADJUSTMENTS: dict[str, str] = {
    "holm": "Holm's method (family-wise error rate)",
    "benjamini_hochberg": "the Benjamini-Hochberg method (false discovery rate)",
    "bonferroni": "the Bonferroni method (family-wise error rate)",
    "hochberg": "Hochberg's method (family-wise error rate)",
}
_LEVELS = {"M": "Male", "F": "Female", "Y": "Yes", "N": "No", "U": "Unknown", "NE": "Not evaluable", "": "Missing"}


_NUMBERS = ("AGE", "NCYC", "NDOSE", "CUMDM2", "CUMMG", "FRSPCYC", "TTRESP", "TTRESPM", "MRDNEGCY", "HSCTINT")
# What is counted from doses, so that a study whose day 0 is another event does not have it.
OF_DOSES = ("TRTEDT", "NCYC", "NDOSE", "CUMDM2", "CUMMG", "DEEPFL", "HSCTINT")
_TEXTS = ("SITEID", "SEX", "ELIGREAS", "BOR", "FRSP", "NEREAS", "INVBOR")


def type_of(name: str) -> str:
    """Return text, number, date or flag (Y/N) of a variable that every study has."""
    if name in _NUMBERS or name in _TEXTS:
        return "number" if name in _NUMBERS else "text"
    return "date" if name.endswith("DT") else "flag"


def level_words(level: str) -> str:
    """Return a level that no protocol has words for as readers see it: "Male" for M, "Late" for LATE.

    What is written in capitals throughout becomes sentence case, word by word. Kept are the abbreviations and tests of
    the vocabulary (in its spelling: CRi for CRI), single letters, Roman numerals, and words with a digit (BCR::ABL1,
    T(9;22)), which are names. What has small letters is somebody's spelling already.
    """
    if level in _LEVELS:
        return _LEVELS[level]
    if not level.isupper():
        return level
    words = [w if re.search(r"\d", w) else _LETTERS.sub(_small, w) for w in level.replace("_", " ").split(" ")]
    return _first_capital(" ".join(words))


_LETTERS = re.compile(r"[^\W\d_]+")
_ROMAN = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")


def _small(word: re.Match[str]) -> str:
    text = word[0]
    kept = len(text) == 1 or _ROMAN.fullmatch(text)
    return text if kept else abbreviations().get(text, text.lower())


def _first_capital(text: str) -> str:
    """With a capital, unless it begins with an abbreviation that has its own spelling, a digit or a sign."""
    first = _LETTERS.match(text)
    return text if first is None or first[0] in abbreviations().values() else text[:1].upper() + text[1:]


@cache
def abbreviations() -> dict[str, str]:
    """Return the abbreviations and laboratory tests of the vocabulary, by their capitals: CRI -> CRi.

    Of two of the same capitals the abbreviation counts (Ph, not the test PH).
    """
    out: dict[str, str] = {}
    for file, column in (("tests.csv", "testcd"), ("abbreviations.csv", "abbreviation")):
        with (files("chartline") / "vocabulary" / file).open(encoding="utf-8") as f:
            out |= {r[column].upper(): r[column] for r in csv.DictReader(f)}
    return out


def in_sentence(label: str) -> str:
    """Return a label inside a sentence: first letter small, unless it begins an abbreviation (CR, MRD, Ph)."""
    first = _LETTERS.match(label)
    own = first is not None and first[0] in abbreviations().values()
    return label[:1].lower() + label[1:] if label[1:2].islower() and not own else label


def event_words(event: str, p: Protocol | None = None) -> str:
    """Return a milestone or state inside a sentence: "transplantation"; a study's own milestone by its label, any
    other name as it is."""
    if p is not None and event in p.milestones:
        return in_sentence(p.milestones[event].label)
    return EVENTS.get(event, event)


def adsl_types(p: Protocol) -> dict[str, str]:
    """Return every ADSL variable this study will have -> text, number, date or flag."""
    absent = OF_DOSES if p.index else ()
    types = {name: type_of(name) for name in (*COHORT_VARIABLES, *DERIVED_VARIABLES) if name not in absent}
    types |= {name: "number" if c.type == "integer" else c.type for name, c in p.characteristics.items()}
    types |= {name: kind for name, (_, kind) in treatment_variables(p).items()}
    for name in p.response_variants:
        types |= {f"BOR_{name}": "text", f"RESPFL_{name}": "flag"}
    types |= dict.fromkeys(mrd_labels(p), "text")
    for name in p.syndromes:
        types |= {name: "flag", f"{name}_DT": "date", f"{name}_CAT": "text", f"{name}_SEV": "text"}
    for name in p.milestones:
        types |= dict(zip(own_variables(name), ("flag", "date"), strict=True))
    return types | dict.fromkeys((*p.safety_flags, *regraded_labels(p)), "flag")


def scale_words(scale: str) -> str:
    """Return a grading scale as readers see it: "CTCAE v5" for ctcae_v5."""
    return scale.replace("ctcae_v", "CTCAE v")


def laboratory_label(p: Protocol, variant: str) -> str:
    """Return a variant of `laboratory` as readers see it: its scale where that is what differs, else its name."""
    scale = p.laboratory_variants[variant].grading
    return scale_words(scale) if scale != p.laboratory.grading else variant


def regraded_labels(p: Protocol) -> dict[str, str]:
    """Return <flag>_<variant> -> label of every flag that is derived again under other laboratory choices."""
    graded = [n for n, f in p.safety_flags.items() if any(part.kind == "lab" for part in f.any_of)]
    return {
        f"{name}_{v}": f"{p.safety_flags[name].label} ({laboratory_label(p, v)})"
        for v in p.laboratory_variants
        for name in graded
    }


def shipped_labels(p: Protocol) -> dict[str, str]:
    """Return every variable that no protocol names but this study has -> its label, by what its day 0 is called."""
    event = p.index_rows.event
    labels = COHORT_VARIABLES | DERIVED_VARIABLES | {n: label for n, (label, _) in treatment_variables(p).items()}
    return {name: label.replace("first dose", event) for name, label in labels.items()}


def adsl_labels(p: Protocol) -> dict[str, str]:
    """Return every ADSL variable this study will have -> its label, without the unit."""
    own = {name: c.label for name, c in p.characteristics.items()}
    own |= {name: f.label for name, f in p.safety_flags.items()} | regraded_labels(p) | milestone_labels(p)
    own |= {name: s.label for name, s in p.syndromes.items() if s.label}
    shipped = {name: label.partition(", ")[0] for name, label in shipped_labels(p).items()}
    return shipped | mrd_labels(p) | own


def milestone_labels(p: Protocol) -> dict[str, str]:
    """Return the ADSL variables of the milestones that a protocol declares -> their labels."""
    out: dict[str, str] = {}
    for name, event in p.milestones.items():
        flag, day = own_variables(name)
        out |= {flag: sentence_start(event.label), day: f"Date of {in_sentence(event.label)}"}
    return out


def sentence_start(label: str) -> str:
    """Return a label as it begins a line: its first letter a capital."""
    return label[:1].upper() + label[1:]


def levels_in_order(p: Protocol, variable: str) -> tuple[str, ...]:
    """Return the levels that a protocol declares of a variable, in its order; none if it declares none."""
    if variable in ("SITEID", "CENTRE"):
        return tuple(c.id for c in p.data.centres)
    declared = p.characteristics.get(variable)
    return declared.categories if declared else treatment_levels(p).get(variable, ())


def level_label(p: Protocol, variable: str, level: str) -> str:
    """Return a level of a variable as readers see it: a centre's label, the words that the protocol declares (`labels`,
    or the name of a band), else those of `level_words`."""
    if variable in ("SITEID", "CENTRE"):
        return next((c.label or c.id for c in p.data.centres if c.id == level), level_words(level))
    declared = p.characteristics.get(variable)
    if declared is not None and level in declared.labels:
        return declared.labels[level]
    return level if declared is not None and level in declared.bands else level_words(level)
