"""ADSL: one row a screened subject, put together from what each module derived, with labels and topics.

Out of `assemble`: the variables that `derive/model.py` lists, in that order. Subjects without a first dose have no
derived values (0 doses). Out of `LABELS` and `adsl_topics`: what readers see, and what an open blocking query must be
about for a variable to be withheld.
"""

from __future__ import annotations

import polars as pl

from chartline.core.plans import run
from chartline.core.query import Topic
from chartline.core.reasons import reason
from chartline.derive.dated_events import dated_event_topics
from chartline.derive.milestones import KEY
from chartline.derive.response_rules import counts_window_of, refractory_by_day
from chartline.derive.safety import flag_topics
from chartline.derive.syndrome import SEVERITY_TOPICS, SYNDROME_TOPICS, SYNDROME_VARIABLES
from chartline.derive.syndrome_rules import load_syndrome
from chartline.protocol.model import Protocol, graded_flags
from chartline.protocol.names import (
    MRD_WINDOWS,
    milestone_labels,
    mrd_labels,
    mrd_variable,
    regraded_labels,
    shipped_labels,
)
from chartline.protocol.treatment_names import CYCLE_VARIABLES, TRANSPLANT_VARIABLES, treatment_variables

_RESPONSE = {
    "BOR": {Topic.RESPONSE, Topic.COUNTS},
    "RESPFL": {Topic.RESPONSE},
    "BORDT": {Topic.RESPONSE, Topic.COUNTS},
    "FRSPDT": {Topic.RESPONSE},
    "FRSP": {Topic.RESPONSE, Topic.COUNTS},
    "FRSPCYC": {Topic.RESPONSE},
    "TTRESP": {Topic.RESPONSE},
    "TTRESPM": {Topic.RESPONSE},
    "NEREAS": {Topic.RESPONSE, Topic.DEATH},
    "REFRFL": {Topic.RESPONSE},
    "INVBOR": {Topic.RESPONSE},
    "INVRSPFL": {Topic.RESPONSE},
    "DRELFL": {Topic.RESPONSE},
    "DRELDT": {Topic.RESPONSE},
    "RECRELFL": {Topic.RELAPSE},
    "RECRELDT": {Topic.RELAPSE},
}
# A doubt about the first dose moves every window that is counted from it.
_FROM_FIRST_DOSE: tuple[str, ...] = (
    "AGE",
    "TRTSDT",
    "NCYC",
    "NDOSE",
    "CUMDM2",
    "CUMMG",
    "HSCTFL",
    "HSCTDT",
    "HSCTINT",
    "HSCTRESP",
)
_FROM_FIRST_DOSE += (
    "MRDTSTFL",
    "MRDNEGFL",
    "MRDNEGDT",
    "MRDNEGCY",
    "DEEPFL",
    "MRDRELFL",
    "MRDRELDT",
    "NEWTXFL",
    "NEWTXDT",
    "ONTRTEDT",
    *_RESPONSE,
)
_TOPICS = _RESPONSE | {
    "AGE": {Topic.ELIGIBILITY},
    "BRTHDT": {Topic.ELIGIBILITY},
    "TRTSDT": {Topic.FIRST_DOSE},
    "NCYC": {Topic.EXPOSURE},
    "NDOSE": {Topic.EXPOSURE},
    "CUMDM2": {Topic.EXPOSURE},
    "CUMMG": {Topic.EXPOSURE},
    "MRDTSTFL": {Topic.RESPONSE, Topic.MRD},
    "MRDNEGFL": {Topic.RESPONSE, Topic.MRD},
    "MRDNEGDT": {Topic.RESPONSE, Topic.MRD},
    "MRDNEGCY": {Topic.RESPONSE, Topic.MRD},
    "DEEPFL": {Topic.RESPONSE, Topic.MRD},
    "MRDRELFL": {Topic.RESPONSE, Topic.MRD, Topic.RELAPSE},
    "MRDRELDT": {Topic.RESPONSE, Topic.MRD, Topic.RELAPSE},
    "ONTRTEDT": {Topic.EXPOSURE},
    "HSCTFL": {Topic.TRANSPLANT},
    "HSCTDT": {Topic.TRANSPLANT},
    "HSCTINT": {Topic.TRANSPLANT},
    "HSCTRESP": {Topic.TRANSPLANT, Topic.RESPONSE},
    "RELFL": {Topic.RELAPSE},
    "RELDT": {Topic.RELAPSE},
    "NEWTXFL": {Topic.NEW_THERAPY},
    "NEWTXDT": {Topic.NEW_THERAPY},
    "DTHFL": {Topic.DEATH},
    "DTHDT": {Topic.DEATH},
    "LKADT": {Topic.FOLLOW_UP},
    "OBSSTDT": {Topic.FOLLOW_UP},
    "OBSENDT": {Topic.FOLLOW_UP},
}
_MRD_WINDOW = {"HSCT": frozenset({Topic.TRANSPLANT})}
_LINES = frozenset({Topic.BASELINE})
_TREATMENT = (
    {name: frozenset({Topic.EXPOSURE, Topic.RESPONSE}) for name in CYCLE_VARIABLES}
    | {name: frozenset({Topic.TRANSPLANT}) for name in TRANSPLANT_VARIABLES}
    | {
        "NCYDLY": frozenset({Topic.EXPOSURE}),
        "CUMCUTFL": frozenset({Topic.EXPOSURE}),
        "PRHSCTFL": frozenset({Topic.BASELINE, Topic.TRANSPLANT}),
        "HSCTSTAT": frozenset({Topic.TRANSPLANT, Topic.RESPONSE, Topic.COUNTS, Topic.RELAPSE}),
        "HSCTDIS": frozenset({Topic.TRANSPLANT, Topic.RESPONSE, Topic.COUNTS, Topic.RELAPSE}),
        "HSCTBRFL": frozenset({Topic.TRANSPLANT, Topic.RESPONSE, Topic.RELAPSE, Topic.NEW_THERAPY}),
        "HSCTINTG": frozenset({Topic.TRANSPLANT, Topic.EXPOSURE}),
        "HSCTMRD": frozenset({Topic.TRANSPLANT, Topic.MRD}),
        "HSCTBILI": frozenset({Topic.TRANSPLANT, Topic.LIVER}),
    }
)
_LATER = {  # flag, date, milestone, what the sentence calls it
    "relapse": ("RELFL", "RELDT", "relapse", ("SS", "RELDTC", "RELAPSE")),
    "new_therapy": ("NEWTXFL", "NEWTXDT", "new therapy", ("CM", "CMSTDTC", "CMSTDTC")),
    "death": ("DTHFL", "DTHDT", "death", ("SS", "DTHDTC", "DTHFL")),
}


def adsl_topics(protocol: Protocol, mrd: tuple[str, ...] = ()) -> dict[str, frozenset[Topic]]:
    """Return the topics of every ADSL variable that rests on any. `mrd` are the MRD definitions that are compared."""
    first_dose = frozenset({Topic.FIRST_DOSE})
    out = {name: frozenset(topics) for name, topics in _TOPICS.items()}
    out |= {name: out[name] | first_dose for name in _FROM_FIRST_DOSE}
    for variant in protocol.response_variants:
        out |= {f"{name}_{variant}": out[name] for name in ("BOR", "RESPFL")}
    for name in mrd:
        out |= {mrd_variable(name, w): out["MRDNEGFL"] | _MRD_WINDOW.get(w, frozenset()) for w in MRD_WINDOWS}
    if protocol.response.relapse == "derived":
        out |= {name: out[name] | {Topic.RESPONSE} for name in ("RELFL", "RELDT")}
    if refractory_by_day(protocol.response):  # who was known to be alive that day
        out["REFRFL"] |= {Topic.DEATH, Topic.FOLLOW_UP}
    out |= {name: frozenset({Topic.BASELINE}) for name in protocol.characteristics}
    out |= {name: _TREATMENT.get(name, _LINES) | first_dose for name in treatment_variables(protocol)}
    out |= dated_event_topics(protocol)
    for name in protocol.syndromes:
        out |= {f"{name}{tail}": SYNDROME_TOPICS for tail in SYNDROME_VARIABLES} | {f"{name}_SEV": SEVERITY_TOPICS}
    out |= {name: flag_topics(flag) | first_dose for name, flag in protocol.safety_flags.items()}
    again = {f"{flag}_{v}": out[flag] for v in protocol.laboratory_variants for flag in graded_flags(protocol)}
    return out | again


def adsl_labels(protocol: Protocol) -> dict[str, str]:
    """Return the label of every ADSL variable."""
    out = {"SUBJID": "Subject", **shipped_labels(protocol)}
    out |= {name: c.label for name, c in protocol.characteristics.items()}
    for variant, choice in protocol.response_variants.items():
        what = choice.criteria
        if window := counts_window_of(choice):
            what += f", counts {window[0]} to {window[1]} days from the marrow"
        if choice.support_free_days is not None:
            what += f", {choice.support_free_days} days without support"
        out |= {f"BOR_{variant}": f"Best response ({what})", f"RESPFL_{variant}": f"Response ({what})"}
    for name, syndrome in protocol.syndromes.items():
        label = syndrome.label or load_syndrome(syndrome.criteria, f"syndromes.{name}.criteria").label
        out |= {f"{name}{tail}": f"{label}{what}" for tail, what in SYNDROME_VARIABLES.items()}
    out |= {name: flag.label for name, flag in protocol.safety_flags.items()}
    return out | mrd_labels(protocol) | milestone_labels(protocol) | regraded_labels(protocol)


def later_events(milestones: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (RELFL RELDT NEWTXFL NEWTXDT DTHFL DTHDT LKADT with their imputation flags, OBSSTDT OBSENDT, trace)."""
    columns, trace = [], []
    for milestone, (flag, date, word, (domain, dated, undated)) in _LATER.items():
        happened = pl.when(f"{milestone}_KNOWN").then(pl.lit("Y")).when(~pl.col(f"{milestone}_KNOWN")).then(pl.lit("N"))
        columns += [happened.alias(flag), pl.col(milestone).alias(date), pl.col(f"{milestone}_F").alias(f"{date}F")]
        sentence = _sentence(milestone, word)
        variable = pl.when(pl.col(f"{milestone}_DTC").is_not_null()).then(pl.lit(dated)).otherwise(pl.lit(undated))
        found_in: str | pl.Expr = domain
        if milestone == "relapse":  # recorded in SS, or derived from an assessment
            found_in = pl.col("relapse_DOM")
            variable = pl.when(found_in == "RS").then(pl.lit("RSDTC")).otherwise(variable)
        where = (found_in, pl.col(f"{milestone}_SEQ"), variable)
        trace += [
            reason(milestones, f"ADSL.{n}", v, sentence, where)
            for n, v in ((flag, happened), (date, pl.col(milestone)))
        ]
    columns += [pl.col("last_alive").alias("LKADT"), pl.col("last_alive_F").alias("LKADTF")]
    alive = pl.format("last known alive on {}", "last_alive_DTC").fill_null("no date of last contact recorded")
    where = ("SS", pl.col("last_alive_SEQ"), pl.col("last_alive_VAR"))
    trace.append(reason(milestones, "ADSL.LKADT", pl.col("last_alive"), alive, where))
    for milestone, name, dated in (("observed_from", "OBSSTDT", "OBSSTDTC"), ("observed_until", "OBSENDT", "OBSENDTC")):
        columns.append(pl.col(milestone).alias(name))
        word = "observed from {}" if name == "OBSSTDT" else "observed until {}"
        known = pl.format(word, f"{milestone}_DTC").fill_null("no such day of an observation period is recorded")
        place = ("SS", pl.col(f"{milestone}_SEQ"), pl.lit(dated))
        trace.append(reason(milestones, f"ADSL.{name}", pl.col(milestone), known, place))
    return milestones.select(*KEY, *columns), trace


def _sentence(milestone: str, word: str) -> pl.Expr:
    dtc, day = pl.col(f"{milestone}_DTC"), pl.col(milestone).cast(pl.String)
    imputed = pl.format(f"{word} recorded as {{}}, taken as {{}}", dtc, day)
    dated = pl.when(pl.col(f"{milestone}_F").is_not_null()).then(imputed).otherwise(pl.format(f"{word} on {{}}", dtc))
    known = pl.when(f"{milestone}_KNOWN").then(pl.lit(f"{word} recorded without a date"))
    denied = known.when(~pl.col(f"{milestone}_KNOWN")).then(pl.lit(f"no {word} recorded"))
    return pl.coalesce(dated, denied, pl.lit(f"not recorded whether {word} happened"))


def assemble(subjects: pl.DataFrame, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Join one-row-a-subject parts to the cohort's subjects."""
    out = subjects.lazy().with_columns(pl.col("CENTRE").alias("SITEID"), pl.col("USUBJID").alias("SUBJID"))
    for part in parts:
        if not part.columns:  # nothing of this kind is declared
            continue
        out = out.join(part.lazy(), on=KEY, how="left", maintain_order="left")
    leading = [*KEY, "SITEID", "SUBJID", "AGE", "SEX", "BRTHDT", "TRTSDT", "TRTEDT", "ELIGFL", "ELIGREAS"]
    return run(out.select(*leading, pl.exclude(leading)))
