"""What a kind of row is about: by its code (LOINC, RxNorm, SNOMED CT, ICD-10), else by its words.

In: the rows of a table that have the same code or concept, and the words beside it. Out: a `Meaning`, or whether it is
the index drug, a leukaemia, a transplantation, a transfusion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from chartline.draft.centre import Centre
from chartline.draft.codes import more_loinc
from chartline.draft.model import WORDS_ALONE, Target
from chartline.draft.words import DRUG, Words, vocabulary
from chartline.mapping.words import tests

# What a single coded value can be about; dates and other attributes belong to a record, not to a code.
_VALUES = {
    "DM": {"AGE", "BSA", "SEX"},
    "SS": {"RELAPSE", "LKADTC", "DTHFL", "DTHCAUS", "RELTYPE", "RELDTC", "DTHDTC"},
    "RS": {"BMBLAST", "PBBLAST", "EMD", "INVRESP", "MRDVAL", "MRDCLASS", "CSFBLAST", "BMCELLU"},
    "MH": {"MHORRES", "MHTERM"},
    "LB": {"LBORRES"},
}
LEAST = 0.85  # words that fit less name nothing
BY_CODE = 0.97
_LEUKAEMIA = ("leukaemia", "leukemia", "lymphoma", "myelodysplas", "myeloma")
_LOINC_NAME = re.compile(
    r"(.+?) \[(?:Mass|Moles|#|Enzymatic activity|Units)/volume\] in "
    r"(?:(?:Venous |Arterial |Capillary )?[Bb]lood|Serum|Plasma|Serum or Plasma|Serum, Plasma or Blood)(?: by .+)?"
)
_ICD = re.compile(r"\bC9[1-5](?:\b|\.)")  # ICD-10: leukaemias


@dataclass
class Kind:
    """One kind of row: its key in the table, the words that say it, its rows by position, and its codes.

    `is_index`: the study's index drug or event, by the concepts that the protocol or the database's hierarchy names.
    """

    key: str
    texts: list[str]
    rows: pl.Series
    loinc: str = ""
    rxnorm: str = ""
    snomed: str = ""
    is_index: bool = False

    @property
    def label(self) -> str:
        """The first of its texts that is words; the last where none is."""
        return next((t for t in self.texts if re.search(r"[A-Za-z]{4}", t)), self.texts[-1])

    def know(self, code: str, system: str) -> None:
        """Note the code of a system, as FHIR (`http://loinc.org`) or OMOP (`RxNorm Extension`) name it."""
        named = system.lower()
        self.loinc = code if "loinc" in named else self.loinc
        self.rxnorm = code if "rxnorm" in named else self.rxnorm
        self.snomed = code if "snomed" in named else self.snomed


@dataclass
class Meaning:
    """What the value of a kind of row is, how sure, and why."""

    target: Target
    confidence: float
    reason: str


@cache
def _loinc() -> dict[str, str]:
    """Return LOINC code -> laboratory test or RS variable."""
    return {r["loinc"]: r["testcd"] for r in vocabulary("tests.csv") if r["loinc"]} | more_loinc()


@cache
def _snomed(means: str) -> frozenset[str]:
    return frozenset(r["code"] for r in vocabulary("codes.csv") if (r["system"], r["means"]) == ("SNOMED CT", means))


def kinds_of(frame: pl.DataFrame, key: str, texts: Sequence[str], system: str = "") -> list[Kind]:
    """Return the kinds of rows by the values of `key`; `texts` are columns with its words, `system` its code system."""
    out: list[Kind] = []
    values = frame[key].str.strip_chars()
    for value in values.drop_nulls().unique(maintain_order=True).to_list():
        rows = (values == value).fill_null(False).arg_true()
        said = [value]
        for name in texts:
            if name in frame.columns and name != key:
                found = frame[name].gather(rows).drop_nulls().unique(maintain_order=True).to_list()
                said += found[:6]
        kind = Kind(value, list(dict.fromkeys(said)), rows)
        if system in frame.columns:
            systems = " ".join(frame[system].gather(rows).drop_nulls().unique().to_list())
            kind.know(value, systems)
        out.append(kind)
    return out


def keys_of(kinds: Sequence[Kind]) -> Any:
    """Return the keys as a mapping's `where` holds them: one text, or a list."""
    return kinds[0].key if len(kinds) == 1 else [kind.key for kind in kinds]


def rows_of(kinds: Sequence[Kind]) -> pl.Series:
    """Return the rows of several kinds."""
    return pl.concat([kind.rows for kind in kinds])


def meaning_of(kind: Kind, words: Words) -> Meaning | None:
    """Return what a kind of row means, by its code or its words; None where neither says, or the code is a slip."""
    means = _loinc().get(kind.loinc) if kind.loinc else None
    if means is not None:
        return Meaning(_of_code(means), BY_CODE, f"LOINC {kind.loinc}")
    return None if is_slip(kind) else meaning_of_words(kind, words)


def is_slip(kind: Kind) -> bool:
    """Whether its LOINC code cannot be one: the digit after the stroke is computed from those before it.

    LOINC's check digit is Luhn's: from the right every other digit counts twice; all digits sum up to a multiple of 10.
    """
    found = re.fullmatch(r"(\d{1,7})-(\d)", kind.loinc)
    if not kind.loinc or found is None:
        return bool(kind.loinc)
    twice = "".join(str(int(d) * (2 - i % 2)) for i, d in enumerate(reversed(found[1])))
    return (sum(map(int, twice)) + int(found[2])) % 10 != 0


def meaning_of_words(kind: Kind, words: Words) -> Meaning | None:
    """Return what the words of a kind of row mean."""
    texts = [_component(re.sub(r"\([^)]*\)", " ", t).strip() or t) for t in kind.texts]
    best = words.best(texts, _is_value, LEAST)
    if best is None:
        return None
    target, fit, phrase = best
    return Meaning(target, min(round(0.95 * fit, 2), WORDS_ALONE), f"its words are `{phrase}`")


def _component(text: str) -> str:
    """LOINC names an analyte `Hemoglobin [Mass/volume] in Blood`; in urine or as a share it is another test."""
    found = _LOINC_NAME.fullmatch(text)
    return found[1] if found else text


def _is_value(target: Target) -> bool:
    return target.variable in _VALUES.get(target.domain, ()) and target.context != "MH PRIOR LINE"


def _of_code(means: str) -> Target:
    if means in tests():
        return Target("LB", means, "LBORRES")
    if means == "ECOG":
        return Target("MH", "ECOG", "MHORRES")
    return Target("DM", "", "BSA") if means == "BSA" else Target("RS", "", means)


def is_leukaemia(kind: Kind) -> bool:
    """Whether a condition is the disease, and no family history of it, by SNOMED CT, ICD-10 or its words."""
    said = " ".join(kind.texts)
    by_code = kind.snomed in _snomed("B-ALL") or bool(_ICD.search(said.upper()))
    by_words = any(w in said.lower() for w in _LEUKAEMIA) and "family" not in said.lower()
    return by_code or by_words


def is_index_drug(kind: Kind, centre: Centre) -> bool:
    """Whether a drug is the one of the protocol, by RxNorm or its words."""
    study = centre.study
    if not study.drug:
        return False
    by_code = kind.is_index or (bool(study.rxnorm) and kind.rxnorm == study.rxnorm)
    return by_code or any(DRUG in study.words.canonical(t) for t in kind.texts)


def procedure_group(kind: Kind, centre: Centre) -> str:
    """Return PR for a transplantation, CM for a transfusion or growth factor, "" for anything else."""
    if kind.snomed in _snomed("HSCT") or any("transplant" in centre.study.words.canonical(t) for t in kind.texts):
        return "PR"
    target = Target("CM", "", "CMCAT")
    return "CM" if any(centre.codes.recognised(target, {t: 1}) for t in kind.texts) else ""
