"""Units at ingest: the factor from a unit a laboratory writes to the standard unit of the test or variable.

All factors are exact decimals, and a converted number is the decimal a person gets on paper: a product is rounded
to 12 significant digits, so that 0.7 mg/dL bilirubin is 11.97 umol/L and not 11.969999999999999.

Molar factors are those in use by laboratories: bilirubin 17.1, creatinine 88.4 umol/L per mg/dL (AMA Manual of Style,
11th ed., table of SI conversions); calcium 0.25, as the limits of CTCAE have it; others from the molar
mass. Nothing is guessed: a unit not listed here has no factor.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

SIGNIFICANT_DIGITS = 12
X_ULN = "xULN"

_CELLS = {
    **{u: 1.0 for u in ("10^9/l", "10^6/ml", "10^3/ul", "k/ul", "thou/ul", "thousand/ul", "10^3/mm3", "10^3/cumm")},
    **{u: 0.001 for u in ("/ul", "/cumm", "/mm3", "cells/ul", "cells/cumm", "cells/mm3", "10^6/l")},
    **{
        u: 100.0
        for u in ("lakh/ul", "lakhs/ul", "lac/ul", "lakh/cumm", "lakhs/cumm", "lac/cumm", "10^5/ul", "lakh/mm3")
    },
}
_ENZYME = {"u/l": 1.0, "iu/l": 1.0, "units/l": 1.0, "u/ml": 1000.0, "ukat/l": 60.0}
_BY_STANDARD: dict[str, dict[str, float]] = {
    "10^9/L": _CELLS,
    "U/L": _ENZYME,
    "g/L": {"g/l": 1.0, "g/dl": 10.0, "gm/dl": 10.0, "g%": 10.0, "gm%": 10.0, "mg/ml": 1.0},
    "umol/L": {"umol/l": 1.0, "mmol/l": 1000.0, "nmol/ml": 1.0},
    "mmol/L": {"mmol/l": 1.0, "umol/l": 0.001, "umol/ml": 1.0},
    "mL/min": {"ml/min": 1.0, "l/min": 1000.0, "ml/s": 60.0},
    "s": {"s": 1.0, "sec": 1.0, "secs": 1.0, "seconds": 1.0},
    "%": {"%": 1.0, "percent": 1.0, "fraction": 100.0, "1": 100.0},
    "1": {"1": 1.0, "fraction": 1.0, "%": 0.01, "percent": 0.01},
    "mg": {"mg": 1.0, "g": 1000.0, "ug": 0.001, "mcg": 0.001},
    "mg/m2": {"mg/m2": 1.0, "ug/m2": 0.001},
    "m2": {"m2": 1.0},
    "years": {"years": 1.0, "year": 1.0, "y": 1.0, "yr": 1.0, "a": 1.0},
    "cells": {"cells": 1.0, "1": 1.0, "10^3": 1e3, "10^6": 1e6},
}
_BY_TEST = {
    "BILI": {"mg/dl": 17.1},
    "CREA": {"mg/dl": 88.4},
    "URATE": {"mg/dl": 59.48},
    "HB": {"mmol/l": 16.114},  # of one haem: 64 458 / 4 g/mol
    "FIBRINO": {"mg/dl": 0.01},
    "HAPTOG": {"mg/dl": 0.01},
    **{t: {"mg/dl": 0.02586} for t in ("CHOL", "HDL", "LDL")},
    "TRIG": {"mg/dl": 0.01129},
    **{t: {"mg/dl": 0.05551} for t in ("GLUC", "GLUCF")},
    **{t: {"mg/dl": 0.25, "meq/l": 0.5} for t in ("CACORR", "CAION")},
    "MG": {"mg/dl": 0.4114, "meq/l": 0.5},
    "PHOS": {"mg/dl": 0.3229},
    **{t: {"meq/l": 1.0} for t in ("SODIUM", "K", "BICARB")},
}


@cache
def normal(unit: str) -> str:
    """Return a unit in one spelling: small letters, no space, `10^9/l` for 10*9/L, x10^9/L, 10e9/L and 10⁹/L."""
    u = unit.strip().lower().replace(" ", "").replace("µ", "u").replace("μ", "u")
    u = (
        u.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
        if re.search(r"10[⁰-⁹²³¹]", u)
        else u.replace("³", "3").replace("²", "2")
    )
    u = re.sub(r"^[x×]?10(?:\*\*|[\^*e])?([3569])(?=/|$)", r"10^\1", u)
    return (
        u.replace("m^2", "m2")
        .replace("mm^3", "mm3")
        .replace("microl", "ul")
        .replace("litre", "l")
        .replace("liter", "l")
        .replace("[iu]", "iu")
    )


@cache
def factor(unit: str, standard: str, test: str = "") -> float | None:
    """Return the factor from `unit` to `standard` (for a test where it depends on the substance), None if unknown."""
    u = normal(unit)
    if u == normal(standard):
        return 1.0
    special = _BY_TEST.get(test, {}).get(u)
    return special if special is not None else _BY_STANDARD.get(standard, {}).get(u)


def is_known(unit: str) -> bool:
    """Whether the unit has a factor to any standard unit (or is a multiple of the upper limit of normal)."""
    u = normal(unit)
    tables = (*_BY_STANDARD.values(), *_BY_TEST.values())
    return u == normal(X_ULN) or any(u in t for t in tables)


def known_units(standard: str, test: str = "") -> list[str]:
    """Return the spellings understood for a standard unit, for messages."""
    return sorted({standard, *_BY_STANDARD.get(standard, {}), *(_BY_TEST.get(test, {}))})


def times(value: pl.Expr, by: pl.Expr) -> pl.Expr:
    """Return the product as the decimal a person gets on paper."""
    return pl.when(by == 1.0).then(value).otherwise((value * by).round_sig_figs(SIGNIFICANT_DIGITS))
