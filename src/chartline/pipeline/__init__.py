"""The order of the rooms: the only folder that knows it.

    read_study       centres' files + mappings + answers -> ClinicalData and queries   (patient side)
    derive_study     -> Cohort, Adam, Counts                                           (patient side, up to the wall)
    estimate_study   Counts -> Results                                                 (no person exists)
    run_study        all of it, written to an out folder as a whole
    run_parted       the same over parts of the subjects, in worker processes
    multiverse_study every specification of the protocol's open choices, written likewise

`read.py` is the first line, `run.py` the others with what is made of runs (quality, cuts), `loop.py` the queries and
their answers, `centre.py` what is done with one centre's files, `concepts.py` the concepts of a selection, `out.py`
what is made of a finished run, `parted.py` a run in parts. Federated and partitioned runs cut the order at the wall:
`derive_study` anywhere, `add_counts`, `estimate_study`.
"""

from __future__ import annotations

from chartline.pipeline.centre import (
    deidentify_centre,
    draft_mapping,
    pull_redcap,
    redcap_study,
    simulate_centres,
    simulate_database,
    template_study,
)
from chartline.pipeline.concepts import look_up_study
from chartline.pipeline.loop import check_lock, decide_query, export_queries, import_answers, lock_study, unlock_study
from chartline.pipeline.out import export_run
from chartline.pipeline.parted import run_parted
from chartline.pipeline.read import read_study
from chartline.pipeline.run import (
    check_study,
    derive_study,
    diff_cuts,
    estimate_study,
    estimated,
    multiverse_study,
    quality_study,
    run_study,
)

__all__ = [
    "check_lock",
    "check_study",
    "decide_query",
    "deidentify_centre",
    "derive_study",
    "diff_cuts",
    "draft_mapping",
    "estimate_study",
    "estimated",
    "export_queries",
    "export_run",
    "import_answers",
    "lock_study",
    "look_up_study",
    "multiverse_study",
    "pull_redcap",
    "quality_study",
    "read_study",
    "redcap_study",
    "run_parted",
    "run_study",
    "simulate_centres",
    "simulate_database",
    "template_study",
    "unlock_study",
]
