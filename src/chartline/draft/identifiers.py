"""Direct identifiers: columns that name a person. In: a heading and its values. Out: what it is, why, how sure.

Recognised are names, hospital numbers, telephone, e-mail, address, and national or insurance numbers, by what the
column is called and by what its values look like. A date of birth, an age or a postal district is no direct
identifier. Used by `chartline draft`, which proposes to leave such columns unread, and by de-identification.

National numbers are recognised by their published shapes: Aadhaar and PAN (India), SSN (USA), NHS number (UK),
Steuer-ID is left to its heading because eleven digits are many things.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ENOUGH = 0.5  # share of the values that must have the shape


@dataclass(frozen=True)
class Identifier:
    """What a column identifies a person by."""

    kind: str  # name, hospital number, telephone, e-mail, address, national number
    reason: str
    confidence: float


# Words of a heading, each as a whole word of the lower-case heading; the first kind that fits is taken.
_HEADINGS: tuple[tuple[str, str], ...] = (
    ("e-mail", r"e ?mail|email address|courriel|mail id"),
    (
        "telephone",
        r"phone|telephone|mobile|mob(?:ile)? no|cell ?phone|contact (?:no|number|num)|tel|telefon|handy|whatsapp|fax|"
        r"tel no|t[ée]l[ée]phone|telecom",
    ),
    (
        "national number",
        r"aadhaar|aadhar|adhar|ssn|social security(?: no| number)?|nhs (?:no|number)|pan (?:no|number|card)|passport|"
        r"national id|voter id|ration card|steuer ?id|sozialversicherungsnummer|insurance (?:no|number|id)|"
        r"versichertennummer|krankenversichertennummer|nino|nir|codice fiscale|abha",
    ),
    (
        "hospital number",
        r"mrn|mr no|mrd no|medical record (?:no|number)|uhid|hospital (?:no|number|id)|cr no|ip no|op no|ipd no|opd no|"
        r"ip number|op number|ipno|opno|hosp(?:ital)? ?(?:no|id)|case sheet no|file no|fallnummer|aufnahmenummer|"
        r"hospital registration(?: no| number)?|patientennummer kis|nip|chart (?:no|number)|file number|unit number|"
        r"hn|biopsy no|lab no|specimen (?:no|number)",
    ),
    (
        "address",
        r"address|street|house no|village|taluk|pin ?code|post ?code|zip(?: ?code)?|adresse|strasse|straße|plz|wohnort|"
        r"residence|postal code|town|city|hometown",
    ),
    (
        "name",
        r"(?:patient|pt|first|last|family|given|full|sur|middle|maiden|fore|father|mother|husband|wife|guardian|spouse|"
        r"relative|attendant|next of kin|caregiver)(?: ?s)? ?names?|name of (?:the )?(?:patient|father|husband|mother)|"
        r"surname|forename|vorname|nachname|familienname|geburtsname|nom|pr[ée]nom|cognome|nome|patient|pat name|"
        r"initials|next of kin|photo|photograph|signature",
    ),
)
_ALONE = frozenset({"name", "names", "nom", "nome"})  # alone, among patients, a person's name
_SHAPES: tuple[tuple[str, str, str], ...] = (
    ("e-mail", r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}", "an e-mail address"),
    ("national number", r"[2-9]\d{3} \d{4} \d{4}|[2-9]\d{3}-\d{4}-\d{4}", "an Aadhaar number"),
    ("national number", r"[A-Z]{5}\d{4}[A-Z]", "a PAN"),
    ("national number", r"\d{3}-\d{2}-\d{4}", "a US social security number"),
    ("national number", r"\d{3} \d{3} \d{4}", "an NHS number"),
    ("telephone", r"(?:\+|00)\d{1,3}[ -]?(?:\(?\d{2,5}\)?[ -]?){2,4}\d{2,5}", "a telephone number"),
    ("telephone", r"[6-9]\d{9}|\(\d{3}\) ?\d{3}-\d{4}", "a telephone number"),
)
_TITLED = re.compile(r"(?:mr|mrs|ms|miss|shri|smt|dr|master|baby|kumari|herr|frau|mme|m)\.? [A-Za-z].*", re.IGNORECASE)


def find_identifier(heading: str, values: Sequence[str]) -> Identifier | None:
    """Return what a column identifies a person by, None where nothing suggests it.

    `values` are the different values of the column, or a sample of them.
    """
    words = " ".join(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading).lower()))
    by_value = _by_value(values)
    for kind, pattern in _HEADINGS:
        if re.fullmatch(pattern, words) and words != "patient":
            return Identifier(kind, f"direct identifier: the heading says {kind}", 0.95)
    if by_value is not None:
        return by_value
    for kind, pattern in _HEADINGS:
        if kind != "name" and re.search(rf"\b(?:{pattern})\b", words):
            return Identifier(kind, f"direct identifier: the heading speaks of {kind}", 0.75)
    if words in _ALONE and _like_names(values):
        return Identifier("name", "direct identifier: names of people", 0.85)
    return None


def _by_value(values: Sequence[str]) -> Identifier | None:
    if not values:
        return None
    for kind, pattern, what in _SHAPES:
        share = sum(bool(re.fullmatch(pattern, v.strip())) for v in values) / len(values)
        if share >= _ENOUGH:
            return Identifier(kind, f"direct identifier: {share:.0%} of the values look like {what}", 0.85)
    if sum(bool(_TITLED.fullmatch(v.strip())) for v in values) / len(values) >= _ENOUGH:
        return Identifier("name", "direct identifier: the values are names with a title", 0.85)
    return None


def _like_names(values: Sequence[str]) -> bool:
    """Mostly two to four words, each with a capital letter: `Asha Rao`, and not `Fever` or `Febrile neutropenia`."""
    if not values:
        return True
    fits = sum(bool(re.fullmatch(r"[A-ZÀ-Þ][\w.'-]*(?:,? [A-ZÀ-Þ][\w.'-]*){1,3}", v.strip())) for v in values)
    return fits / len(values) >= 0.7
