"""What the patient side hands to the counts: ADaM-named tables and the reason for every derived value.

`tables` holds ADSL (one row a subject), ADEX, ADRS, ADLB, ADAE, ADTOX, ADTTE, ADSYN (a row a subject and set of
criteria) and ADCOMP (a row a subject and component of a safety flag), and ADCYC (a row a subject and cycle) where a
dosing schedule is declared. `trace` has one row per source cell of each derived value:

    USUBJID  CENTRE  ITEM     ("ADSL.BOR", "ADTTE.OS", "ELIG.adult")
    VALUE    (as text)  BECAUSE (one English sentence)
    SRCDOM   SRCSEQ   SRCVAR  (null where the reason is the absence of a row)

`withheld` lists subjects left out of a variable or endpoint: USUBJID, ITEM, QUERY (ids of the open blocking queries,
null where the data themselves do not allow it, e.g. an undated relapse), REASON (one English sentence).

Where an analysis asks for date bounds, ADTTEB has the rows of ADTTE again with every partial date at the earliest and
at the latest day it can mean (BOUND).

ADSL variables that every study has (besides the protocol's characteristics and safety flags):
    SITEID SUBJID AGE SEX BRTHDT TRTSDT TRTEDT          identity and index
    ELIGFL (Y/N/null) ELIGREAS                          cohort
    NCYC NDOSE CUMDM2 CUMMG                             exposure
    BOR (CR CRi ... NE) RESPFL BORDT                    response: best, whether, date of best
    FRSPDT FRSP FRSPCYC                                 first response: date, category, after cycle
    TTRESP TTRESPM NEREAS REFRFL                        time to response, why not evaluable, refractory (Y/N/null)
    INVBOR INVRSPFL                                     best recorded by the treating team, whether a response
    DRELFL DRELDT RECRELFL RECRELDT                     relapse by the response rule set, and as recorded
    MRDTSTFL MRDNEGFL MRDNEGDT MRDNEGCY DEEPFL          MRD among all (Y/N; MRDTSTFL: adequately tested)
    MRDRELFL MRDRELDT                                   MRD relapse: converted while in haematological remission
    MRD_<definition>_<time point>                       its category, of definitions that an analysis compares
    HSCTFL HSCTDT HSCTINT HSCTRESP (Y/N: in response)   transplant after first dose, days from last dose before it
    ONTRTEDT                                            last day on treatment (laboratory window)
    RELFL RELDT NEWTXFL NEWTXDT DTHFL DTHDT LKADT       later events (dates after the declared partial-date policy)
    OBSSTDT OBSENDT                                     the observation period that holds day 0, else the first after it
    <set> <set>_DT <set>_CAT <set>_SEV                  each declared syndrome: Y met, N not met, null not assessable
and <NAME>FL <NAME>DT of every milestone that the protocol declares under `milestones`.
Where the protocol declares a schedule, earlier therapy, a transplantation (`protocol/treatment_names.py`):
    RDI NCYRED NCYDLY NCYFLAT NOMIT CUMCUTFL            cycles against their plan (cycles.py)
    SALVAGE RRSTAT CR1GRP PRHSCTFL, a flag an agent     earlier therapy (prior_therapy.py)
    HSCTBRFL HSCTINTG HSCTSTAT HSCTREC HSCTDIS HSCTMRD HSCTDON HSCTCOND HSCTALK2 HSCTTHIO HSCTBILI
                                                        (transplant_status.py)
A date variable has `<name>F` beside it, 'D'/'M'/'Y' where the day was imputed from a partial date (as ADaM's --DTF).
`topics` says for each ADSL variable which query topics it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from chartline.core.query import Topic
from chartline.core.reasons import TRACE_SCHEMA as TRACE_SCHEMA

WITHHELD_SCHEMA: dict[str, pl.DataType] = {
    "USUBJID": pl.String(),
    "ITEM": pl.String(),
    "QUERY": pl.String(),
    "REASON": pl.String(),
}


@dataclass(frozen=True)
class Adam:
    """The derived tables of a study (or of one partition of its subjects)."""

    tables: dict[str, pl.DataFrame]
    trace: pl.DataFrame
    withheld: pl.DataFrame
    labels: dict[str, str]  # variable or PARAMCD -> label
    topics: dict[str, frozenset[Topic]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.tables[name]
