"""What a run says of its patients, with study days where a centre counted days and its dates are fictitious.

In: what was derived and asserted, once nothing more is computed from it. Out: the same, every sentence and every value
in words telling `day 35` (see `core/study_days.py`). Dates of the tables themselves stay: they are the computation's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chartline.cohort.model import Cohort
from chartline.core.study_days import StudyDays
from chartline.derive.model import Adam
from chartline.derive.reviewed import DOMAIN

if TYPE_CHECKING:
    from chartline.assertions.model import Verdict

SENTENCES = ("BECAUSE", "WHY")
_WORDS = (*SENTENCES, "ITEM", "VALUE", "DERIVED")  # of the trace and of the table of overrides


def told_cohort(cohort: Cohort, study_days: StudyDays) -> Cohort:
    """Return a cohort whose trace and decisions tell study days."""
    trace, decisions = (study_days.texts(t, *_WORDS) for t in (cohort.trace, cohort.decisions))
    return replace(cohort, trace=trace, decisions=decisions)


def told_adam(adam: Adam, study_days: StudyDays) -> Adam:
    """Return derived tables whose trace, overrides and sentences tell study days."""
    tables = {
        name: study_days.texts(table, *(_WORDS if name == DOMAIN else SENTENCES)) for name, table in adam.tables.items()
    }
    return replace(adam, tables=tables, trace=study_days.texts(adam.trace, *_WORDS))


def told_verdicts(verdicts: Sequence[Verdict], adam: Adam, study_days: StudyDays) -> tuple[Verdict, ...]:
    """Return verdicts whose breaches tell the study days of their patients."""
    if not study_days.events:
        return tuple(verdicts)
    centres = dict(adam["ADSL"].select("USUBJID", "CENTRE").iter_rows())
    return tuple(
        replace(v, breaches=tuple(
            replace(b, numbers=study_days.text(centres.get(b.subject, ""), b.numbers)) for b in v.breaches
        ))
        for v in verdicts
    )  # fmt: skip
