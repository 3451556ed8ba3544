"""The ADSL variables that every study has, with the labels readers see. A protocol adds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    "MRDTSTFL": "Adequate MRD test",
    "MRDNEGFL": "MRD-negative",
    "MRDNEGDT": "Date of first MRD-negative sample",
    "MRDNEGCY": "Cycle of first MRD-negative sample",
    "DEEPFL": "Deep response",
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
    types |= {name: kind for name, (_, kind) in treatment_variables(p).items()}
    for name in p.response_variants:
        types |= {f"BOR_{name}": "text", f"RESPFL_{name}": "flag"}
    return types | dict.fromkeys(p.safety_flags, "flag")


def adsl_labels(p: Protocol) -> dict[str, str]:
    """Return every ADSL variable this study will have -> its label, without the unit."""
    own = {name: c.label for name, c in p.characteristics.items()}
    own |= {name: f.label for name, f in p.safety_flags.items()}
    own |= {name: label.partition(", ")[0] for name, (label, _) in treatment_variables(p).items()}
    shipped = {name: label.partition(", ")[0] for name, label in (COHORT_VARIABLES | DERIVED_VARIABLES).items()}
    return shipped | own


def levels_in_order(p: Protocol, variable: str) -> tuple[str, ...]:
    """Return the levels that a protocol declares of a variable, in its order; none if it declares none."""
    if variable in ("SITEID", "CENTRE"):
        return tuple(c.id for c in p.data.centres)
    declared = p.characteristics.get(variable)
    return declared.categories if declared else treatment_levels(p).get(variable, ())


def level_label(p: Protocol, variable: str, level: str) -> str:
    """Return a level of a variable as readers see it: "Centre A", "Refractory"."""
    if variable in ("SITEID", "CENTRE"):
        return next((c.label or c.id for c in p.data.centres if c.id == level), level_words(level))
    return level_words(level)
