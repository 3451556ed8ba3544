"""The ADSL variables that every study has, with the labels readers see. A protocol adds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    "MRDTSTFL": "Adequate MRD test",
    "MRDNEGFL": "MRD-negative",
    "MRDNEGDT": "Date of first MRD-negative sample",
    "MRDNEGCY": "Cycle of first MRD-negative sample",
    "DEEPFL": "Deep response",
    "MRDRELFL": "MRD relapse",
    "MRDRELDT": "Date of MRD relapse",
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
_LEVELS = {"M": "Male", "F": "Female", "Y": "Yes", "N": "No", "U": "Unknown", "NE": "Not evaluable", "": "Missing"}


_NUMBERS = ("AGE", "NCYC", "NDOSE", "CUMDM2", "CUMMG", "FRSPCYC", "MRDNEGCY", "HSCTINT")
_TEXTS = ("SITEID", "SEX", "ELIGREAS", "BOR", "FRSP")


def type_of(name: str) -> str:
    """Return text, number, date or flag (Y/N) of a variable that every study has."""
    if name in _NUMBERS or name in _TEXTS:
        return "number" if name in _NUMBERS else "text"
    return "date" if name.endswith("DT") else "flag"


def level_words(level: str) -> str:
    """Return a level as readers see it: "Male" for M, "Relapsed" for RELAPSED; others as they are."""
    if level in _LEVELS:
        return _LEVELS[level]
    return level.capitalize() if level.isalpha() and level.isupper() and len(level) >= 6 else level


def in_sentence(label: str) -> str:
    """Return a label inside a sentence: first letter small, unless it begins an abbreviation (CR, MRD)."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def event_words(event: str) -> str:
    """Return a milestone or state inside a sentence: "transplantation"; a study's own name as it is."""
    return EVENTS.get(event, event)


def label_of(name: str) -> str | None:
    """Return the label of a variable that every study has."""
    return COHORT_VARIABLES.get(name) or DERIVED_VARIABLES.get(name)


def adsl_types(p: Protocol) -> dict[str, str]:
    """Return every ADSL variable this study will have -> text, number, date or flag."""
    types = {name: type_of(name) for name in (*COHORT_VARIABLES, *DERIVED_VARIABLES)}
    types |= {name: "number" if c.type == "integer" else c.type for name, c in p.characteristics.items()}
    for name in p.response_variants:
        types |= {f"BOR_{name}": "text", f"RESPFL_{name}": "flag"}
    types |= dict.fromkeys(mrd_labels(p), "text")
    return types | dict.fromkeys(p.safety_flags, "flag")


def adsl_labels(p: Protocol) -> dict[str, str]:
    """Return every ADSL variable this study will have -> its label, without the unit."""
    own = {name: c.label for name, c in p.characteristics.items()}
    own |= {name: f.label for name, f in p.safety_flags.items()}
    shipped = {name: label.partition(", ")[0] for name, label in (COHORT_VARIABLES | DERIVED_VARIABLES).items()}
    return shipped | mrd_labels(p) | own


def levels_in_order(p: Protocol, variable: str) -> tuple[str, ...]:
    """Return the levels that a protocol declares of a variable, in its order; none if it declares none."""
    if variable in ("SITEID", "CENTRE"):
        return tuple(c.id for c in p.data.centres)
    declared = p.characteristics.get(variable)
    return declared.categories if declared else ()


def level_label(p: Protocol, variable: str, level: str) -> str:
    """Return a level of a variable as readers see it: "Centre A", "Refractory"."""
    if variable in ("SITEID", "CENTRE"):
        return next((c.label or c.id for c in p.data.centres if c.id == level), level_words(level))
    return level_words(level)
