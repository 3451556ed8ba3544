"""Which parts of the study a value bears on: (domain, variable) -> topics, and whether doubt about it blocks.

A value that cannot be read blocks the subject for the topics of an endpoint's own variables; descriptive and
adverse-event entries are asked for but used as they stand.
"""

from __future__ import annotations

from chartline.core.query import Severity, Topic

_ANY = ""
_BY_VARIABLE: dict[tuple[str, str], frozenset[Topic]] = {
    ("DM", "BRTHDTC"): frozenset({Topic.ELIGIBILITY}),
    ("DM", _ANY): frozenset({Topic.BASELINE}),
    ("MH", _ANY): frozenset({Topic.BASELINE}),
    ("CM", _ANY): frozenset({Topic.NEW_THERAPY}),
    ("EX", "EXSTDTC"): frozenset({Topic.FIRST_DOSE, Topic.EXPOSURE}),
    ("EX", _ANY): frozenset({Topic.EXPOSURE}),
    ("PR", _ANY): frozenset({Topic.TRANSPLANT}),
    ("RS", "RSDTC"): frozenset({Topic.RESPONSE}),
    ("RS", "BMBLAST"): frozenset({Topic.RESPONSE}),
    ("RS", "PBBLAST"): frozenset({Topic.RESPONSE}),
    ("RS", "EMD"): frozenset({Topic.RESPONSE}),
    ("RS", "RSCYCLE"): frozenset({Topic.RESPONSE}),
    ("RS", "INVRESP"): frozenset({Topic.RESPONSE}),
    ("RS", "MRDCLASS"): frozenset({Topic.MRD}),
    ("RS", "MRDASSAY"): frozenset({Topic.MRD}),
    ("RS", "MRDSPEC"): frozenset({Topic.MRD}),
    ("RS", "MRDVAL"): frozenset({Topic.MRD}),
    ("RS", "MRDSENS"): frozenset({Topic.MRD}),
    ("RS", "MRDCELLS"): frozenset({Topic.MRD}),
    ("LB", "LBGCSF"): frozenset({Topic.COUNTS}),
    ("LB", "LBPLTTX"): frozenset({Topic.COUNTS}),
    ("LB", "LBRBCTX"): frozenset({Topic.COUNTS}),
    ("AE", _ANY): frozenset({Topic.ADVERSE_EVENTS}),
    ("FA", _ANY): frozenset({Topic.ADVERSE_EVENTS}),
    ("SS", "RELAPSE"): frozenset({Topic.RELAPSE}),
    ("SS", "RELDTC"): frozenset({Topic.RELAPSE}),
    ("SS", "LKADTC"): frozenset({Topic.FOLLOW_UP}),
    ("SS", "OBSSTDTC"): frozenset({Topic.FOLLOW_UP}),
    ("SS", "OBSENDTC"): frozenset({Topic.FOLLOW_UP}),
    ("SS", "DTHFL"): frozenset({Topic.DEATH}),
    ("SS", "DTHDTC"): frozenset({Topic.DEATH}),
}
_BY_TEST: dict[str, frozenset[Topic]] = {
    "ANC": frozenset({Topic.COUNTS, Topic.BLOOD_COUNTS}),
    "PLT": frozenset({Topic.COUNTS, Topic.BLOOD_COUNTS}),
    "HB": frozenset({Topic.BLOOD_COUNTS}),
    "WBC": frozenset({Topic.BLOOD_COUNTS}),
    **{t: frozenset({Topic.LIVER}) for t in ("ALT", "AST", "BILI", "ALP", "GGT")},
}
_ASKED_ONLY = {
    ("MH", _ANY),
    ("AE", _ANY),
    ("FA", _ANY),
    ("CM", "CMINDC"),
    ("CM", "CMTRT"),
    ("EX", _ANY),
    ("RS", "INVRESP"),
}
_ASKED_ONLY |= {("LB", "LBTESTCD"), ("PR", "PRDONOR"), ("PR", "PRCOND"), ("PR", "PRSTATUS"), ("DM", _ANY)}


def topics_of(domain: str, variable: str, test: str | None = None) -> frozenset[Topic]:
    """Return what a variable bears on; laboratory results by test."""
    exact = _BY_VARIABLE.get((domain, variable))
    if exact is not None:
        return exact
    if domain == "LB":
        return _BY_TEST.get(test or "", frozenset())
    return _BY_VARIABLE.get((domain, _ANY), frozenset())


def severity_of(domain: str, variable: str, topics: frozenset[Topic]) -> Severity:
    """BLOCK where an endpoint rests on the variable, WARN where it is descriptive."""
    own = (domain, variable) in _BY_VARIABLE
    asked_only = (domain, variable) in _ASKED_ONLY or (not own and (domain, _ANY) in _ASKED_ONLY)
    return Severity.BLOCK if topics and not asked_only else Severity.WARN
