"""Direct identifiers: which columns, and which words of a free text, name a person or lead to one.

In: a heading with its values, or one text. Out: what it is, why, and how sure; or the places in the text. What
counts as a direct identifier follows the list of the HIPAA safe-harbour method (45 CFR 164.514(b)(2)): names,
addresses, telephone, e-mail, record, account and national numbers. Dates, ages and rare findings are indirect
identifiers and not found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What an identifier is."""

    NAME = "name"
    STAFF = "name of staff"
    TELEPHONE = "telephone"
    EMAIL = "e-mail"
    ADDRESS = "address"
    HOSPITAL = "hospital number"
    NATIONAL = "national number"
    SUBJECT = "patient number"  # the number by which rows are linked; a study code names nobody
    PICTURE = "picture or signature"


@dataclass(frozen=True)
class Identifier:
    """What a column identifies a person by."""

    kind: Kind
    reason: str
    confidence: float


@dataclass(frozen=True)
class Found:
    """A piece of a text that is an identifier."""

    kind: Kind
    start: int
    end: int


# Words of a heading, split at signs and capitals, in small letters. The first kind that fits the whole of it is taken.
_HEADINGS: tuple[tuple[Kind, str], ...] = (
    (Kind.EMAIL, r"e ?mail(?: (?:id|address))?|mail id|courriel"),
    (
        Kind.TELEPHONE,
        r"(?:tele|cell ?|mobile )?phone(?: (?:no|number))?|tel(?: ?no| number)?|mobile(?: (?:no|number))?|mob(?: no)?|"
        r"contact(?: (?:no|number|details))?|whatsapp(?: no)?|fax|landline|telefon|handy|t[ée]l[ée]phone|telecom",
    ),
    (
        Kind.NATIONAL,
        r"aadh?aa?r(?: (?:no|number|card))?|pan(?: (?:no|number|card))|ssn|social security(?: (?:no|number))?|"
        r"nhs(?: (?:no|number))?|passport(?: (?:no|number))?|national id(?: ?no)?|voter id|ration card(?: no)?|"
        r"abha(?: (?:id|no|number))?|insurance(?: (?:id|no|number))|policy (?:no|number)|health id|driving licen[cs]e|"
        r"steuer ?id|sozialversicherungsnummer|(?:kranken)?versichertennummer|nino|nir|codice fiscale",
    ),
    (
        Kind.HOSPITAL,
        r"mrn|mrd?(?: (?:no|number))|uhid(?: (?:no|number))?|medical record(?: (?:no|number))?|"
        r"hosp(?:ital)?(?: reg(?:istration)?)?(?: (?:no|number|id|num))|(?:patient )?registration(?: (?:no|number))|"
        r"reg (?:no|number)|(?:ip|op|ipd|opd|cr|hn|case|file|chart|folder|unit|bed|admission|account|biopsy|lab|"
        r"specimen|sample|accession)(?: sheet)?(?: (?:no|number|id))|ip ?no|op ?no|fallnummer|aufnahmenummer|"
        r"patientennummer kis|nip|hn",
    ),
    (
        Kind.ADDRESS,
        r"(?:(?:home|postal|residential|permanent|present|full) )?address(?: ?\d)?|street|house no|village|taluk|"
        r"tehsil|mandal|pin ?code|post(?:al)? ?code|zip(?: ?code)?|town|city|locality|residence|hometown|native place|"
        r"location source value|latitude|longitude|adresse|stra(?:ss|ß)e|plz|wohnort",
    ),
    (
        Kind.STAFF,
        r"(?:treating |referring |attending |primary )?(?:doctor|consultant|physician|clinician|oncologist|"
        r"haematologist|hematologist|surgeon|nurse)(?: name)?|referred by|entered by|collected by|reported by|seen by|"
        r"provider source value|investigator(?: name)?",
    ),
    (Kind.PICTURE, r"photo(?:graph)?|signature|picture|face image|fingerprint"),
    (
        Kind.NAME,
        r"(?:(?:patient|pt|first|last|family|given|full|sur|middle|maiden|fore|father|mother|husband|wife|spouse|"
        r"guardian|relative|attendant|next of kin|caregiver|kin)(?: ?s)? )names?|surname|forename|initials|"
        r"names? of (?:the )?(?:patient|pt|father|husband|mother|relative)|name of patient|patient|names?|next of kin|"
        r"names? (?:first|last|family|given|full|middle|maiden)|"
        r"vorname|nachname|familienname|geburtsname|nom|pr[ée]nom|cognome|nome",
    ),
    (
        Kind.SUBJECT,
        r"(?:patient|subject|participant|person|study|record|screening|pt|case)s?(?: study)? (?:id|no|number|code|ref)|"
        r"usubjid|subjid|patientid|pid|person source value",
    ),
)  # fmt: skip
_INSIDE = (Kind.EMAIL, Kind.TELEPHONE, Kind.NATIONAL, Kind.HOSPITAL, Kind.ADDRESS)  # said anywhere in a heading
_INSIDE_WORDS = {
    Kind.EMAIL: r"e ?mail",
    Kind.TELEPHONE: r"phone|mobile|telephone|whatsapp|contact (?:no|number)",
    Kind.NATIONAL: r"aadh?aa?r|passport|voter id|ssn|abha",
    Kind.HOSPITAL: r"mrn|uhid|medical record|hospital (?:no|number|id)",
    Kind.ADDRESS: r"address|pin ?code|postal code|zip ?code",
}
_SHAPES: tuple[tuple[Kind, re.Pattern[str], str], ...] = (
    (Kind.EMAIL, re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"), "e-mail addresses"),
    (Kind.NATIONAL, re.compile(r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}"), "Aadhaar numbers"),
    (Kind.NATIONAL, re.compile(r"[A-Z]{5}\d{4}[A-Z]"), "PAN numbers"),
    (Kind.NATIONAL, re.compile(r"\d{3}-\d{2}-\d{4}"), "social security numbers"),
    (Kind.NATIONAL, re.compile(r"\d{3} \d{3} \d{4}"), "NHS numbers"),
    (Kind.TELEPHONE, re.compile(r"(?:\+\d{1,3}[ -]?|0)?[6-9]\d{4}[ -]?\d{5}"), "mobile numbers"),
    (Kind.TELEPHONE, re.compile(r"\+\d{1,3}[ -]?\(?\d{2,5}\)?(?:[ -]?\d{2,5}){1,3}"), "telephone numbers"),
)
_VAGUE = ("patient", "name", "names", "nom", "nome")  # which other things than people have
_LONGEST = 60  # letters of a heading that can be one of an identifier
_ENOUGH = 0.5  # of the values of a column must have a shape
# No "Sr" (serum as often as senior or sister), no "MRD" without "no" (residual disease).
_TITLES = r"(?:Mr|Mrs|Ms|Miss|Shri|Smt|Sri|Dr|Prof|Master|Baby|Kumari|Kum)"
_NAME_WORD = r"[A-Z][\w'’-]+"
_TITLED = re.compile(rf"{_TITLES}\.? {_NAME_WORD}(?: {_NAME_WORD}){{0,3}}")
_ID_WORDS = (
    r"(?:MRN|UHID|MRD? (?:no|number)|CR no|IP no|OP no|IPD no|OPD no|hospital (?:no|number|id)"
    r"|reg(?:istration|n)?\.? (?:no|number)|(?:record|file|case) (?:no|number)|patient (?:id|no|number)"
    r"|Aadh?aa?r(?: no)?)"
)
# Of a text: the identifier itself is the group `x`, or the whole match.
_IN_TEXT: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.EMAIL, re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    (Kind.HOSPITAL, re.compile(rf"\b{_ID_WORDS}\.?[\s:#.-]{{0,3}}(?P<x>[A-Z]{{0,5}}[-/]?\d[\w/-]*)", re.IGNORECASE)),
    (Kind.NATIONAL, re.compile(r"\b[2-9]\d{3}[ -]\d{4}[ -]\d{4}\b")),
    (Kind.NATIONAL, re.compile(r"\b[A-Z]{5}\d{4}[A-Z]\b")),
    (Kind.TELEPHONE, re.compile(r"(?<![\w.])(?:\+\d{1,3}[ -]?|0)?[6-9]\d{4}[ -]?\d{5}(?![\w.])")),
    (Kind.TELEPHONE, re.compile(
        r"(?<!\w)\+(?=(?:[ ()-]{0,2}\d){9})\d{1,3}[ -]?\(?\d{2,5}\)?(?:[ -]?\d{2,5}){1,3}(?!\w)"
    )),
    (Kind.NAME, re.compile(rf"\b{_TITLES}\.? (?P<x>{_NAME_WORD}(?: {_NAME_WORD}){{0,2}})")),
    (Kind.NAME, re.compile(
        r"(?:\b[SWDC]/[oO]\.?|\b(?:son|wife|daughter|husband|father|mother|brother|sister) (?:of|named|is)) ?"
        rf"(?P<x>{_NAME_WORD}(?: {_NAME_WORD}){{0,2}})"
    )),
)  # fmt: skip
_STUDY_CODE = re.compile(r"[A-Za-z]{0,8}[-_ /]?[A-Za-z]{0,3}[-_ /]?\d{1,4}")
_LIKE_NAME = re.compile(r"\b[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})+\b")
_LIKE_NUMBER = re.compile(r"(?<![\w.,/:-])\d{6,}(?![\w.,/:-])")


def find_identifier(heading: str, values: Sequence[str]) -> Identifier | None:
    """Return what a column identifies a person by, None where nothing suggests it.

    `values` are the different values of the column, or a sample of them.
    """
    words = heading_words(heading)
    kind = heading_kind(heading)
    if kind is not None and words not in _VAGUE:
        return Identifier(kind, f"the heading says {kind}", 0.95)
    if kind is not None and _like_names(values):
        return Identifier(kind, "names of people", 0.85)
    shaped = _by_shape(values)
    if shaped is not None:
        return shaped
    for kind in _INSIDE:
        if re.search(rf"\b(?:{_INSIDE_WORDS[kind]})\b", words):
            return Identifier(kind, f"the heading speaks of {kind}", 0.75)
    return None


@lru_cache(10_000)
def heading_kind(heading: str) -> Kind | None:
    """Return the kind that a heading says as a whole, None where it says none."""
    words = heading_words(heading) if len(heading) <= _LONGEST else ""
    return next((kind for kind, pattern in _HEADINGS if re.fullmatch(pattern, words)), None)


def heading_words(heading: str) -> str:
    """Return a heading in small letters, its words split at signs and at capitals: "PatientName" -> "patient name"."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading).lower()))


def is_study_code(values: Sequence[str]) -> bool:
    """Return whether patient numbers are codes made for a study ("A-01", "IN-B-7", "12"): up to four digits.

    Such a code names nobody by itself; the list that leads from it to a person stays at the centre.
    """
    return bool(values) and all(_STUDY_CODE.fullmatch(v.strip()) for v in values)


def find_in_text(text: str) -> list[Found]:
    """Return the identifiers that a free text holds, in order, none inside another."""
    found = []
    for kind, pattern in _IN_TEXT:
        for m in pattern.finditer(text):
            start, end = m.span("x" if "x" in pattern.groupindex else 0)
            found.append(Found(kind, start, end))
    return _apart(found)


def like_identifiers(text: str) -> Iterator[str]:
    """Yield what a text holds that may be an identifier all the same: "name-like", "number-like"."""
    if _LIKE_NAME.search(text):
        yield "name-like"
    if _LIKE_NUMBER.search(text):
        yield "number-like"


def _apart(found: list[Found]) -> list[Found]:
    out: list[Found] = []
    for f in sorted(found, key=lambda f: (f.start, -f.end)):
        if not out or f.start >= out[-1].end:
            out.append(f)
    return out


def _by_shape(values: Sequence[str]) -> Identifier | None:
    if not values:
        return None
    for kind, pattern, what in _SHAPES:
        share = sum(bool(pattern.fullmatch(v.strip())) for v in values) / len(values)
        if share >= _ENOUGH:
            return Identifier(kind, f"{share:.0%} of the values look like {what}", 0.85)
    if sum(bool(_TITLED.fullmatch(v.strip())) for v in values) / len(values) >= _ENOUGH:
        return Identifier(Kind.NAME, "the values are names with a title", 0.85)
    return None


def _like_names(values: Sequence[str]) -> bool:
    """Whether the values are mostly one to four words with a capital and without digits."""
    if not values:
        return True
    fits = [v for v in values if re.fullmatch(r"(?:[^\W\d_][\w.'’-]*,? ?){1,4}", v.strip()) and v.strip()[:1].isupper()]
    return len(fits) / len(values) >= 0.7
