"""What is told about the first transplantation after day 0.

In: the transplantation of each subject (`transplant.py`), response, MRD samples, laboratory values and the row of the
procedure. Out per transplanted subject (null: not known, or not transplanted)

    HSCTSTAT  response category of the last assessment before it, or RELAPSE where one lies between
    HSCTREC   the disease status that the chart gives with the procedure (PRSTATUS), as it stands there
    HSCTDIS   whether HSCTSTAT and HSCTREC differ: a response in one of them, none in the other; null where either is
              not known, or the words of HSCTREC do not say which
    HSCTBRFL  bridged: in a response then, and no new therapy since day 0
    HSCTINTG  days from the last dose, grouped as the protocol says
    HSCTMRD   the last MRD sample before it: negative, not negative, or not sensitive enough to say
    HSCTDON HSCTCOND  donor and conditioning as recorded
    HSCTALK2  two or more alkylating agents in the conditioning (prescribing information of inotuzumab ozogamicin,
              warnings: conditioning with two alkylating agents is associated with VOD)
    HSCTTHIO  thiotepa in it
    HSCTBILI  the last bilirubin before it at or above the upper limit of normal (the same warning)

Bridge is as in INO-VATE: transplantation in CR or CRi before any other induction therapy (Kantarjian et al., Cancer
2019;125:2474).
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.compare import holds
from chartline.core.dates import first_day
from chartline.core.plans import run
from chartline.core.reasons import number_of, number_text, reason
from chartline.core.words import names_any, names_only
from chartline.derive.milestones import KEY
from chartline.derive.mrd_rules import load_mrd_rules
from chartline.derive.mrd_samples import judged
from chartline.derive.response import Assessed
from chartline.derive.response_rules import load_rules, responders_of
from chartline.protocol.model import Protocol
from chartline.protocol.response import Mrd
from chartline.protocol.treatment import Transplant
from chartline.protocol.treatment_names import (
    MRD_NEGATIVE,
    MRD_NOT_NEGATIVE,
    MRD_UNSURE,
    THIOTEPA,
    TRANSPLANT_VARIABLES,
    interval_groups,
    treatment_variables,
)

_RELAPSE = "RELAPSE"


def derive_transplant_status(
    data: ClinicalData,
    milestones: pl.DataFrame,
    transplants: pl.DataFrame,
    response: Assessed,
    samples: pl.DataFrame,
    protocol: Protocol,
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row a subject with a day 0, trace); both empty where the protocol declares no transplantation.

    Reads of the protocol `transplant`, `mrd`, `response`, whether there are an index drug and lines, and what day 0 is.
    """
    declared = protocol.transplant
    if declared is None:
        return pl.DataFrame(), []
    course = milestones.lazy().select(
        *KEY,
        pl.col("first_dose").alias("TRTSDT"),
        "transplant_SEQ",
        *[pl.col(f"{m}{end}").alias(f"{m}{end}") for m in ("relapse", "new_therapy") for end in ("", "_KNOWN")],
    )
    rows = transplants.lazy().join(course, on=KEY, how="left", maintain_order="left")
    for part in (
        _last_response(response, rows),
        _last_sample(samples, rows, protocol.mrd),
        _last_bilirubin(data, rows, declared),
    ):
        rows = rows.join(part, on=KEY, how="left", maintain_order="left")
    rows = rows.join(_procedure(data, declared), on=[*KEY, "transplant_SEQ"], how="left", maintain_order="left")
    names = [n for n in TRANSPLANT_VARIABLES if n in treatment_variables(protocol)]
    rows = _with_status(rows, responders_of(protocol.response)).with_columns(_flags(declared, protocol))
    out = run(rows.with_columns(_recorded_responds(declared, protocol).alias("SAID")).with_columns(_differs(protocol)))
    return out.select(*KEY, *names), _reasons(out, declared, names, protocol.index_rows.event)


def _last_response(response: Assessed, rows: pl.LazyFrame) -> pl.LazyFrame:
    return (
        response.visits.lazy()
        .filter(pl.col("ANL01FL") == "Y")
        .join(rows.select(*KEY, "HSCTDT"), on=KEY)
        .filter(pl.col("ADT") <= pl.col("HSCTDT"))
        .sort(*KEY, "ADT")
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("AVALC").last().alias("STATUS"),
            pl.col("ADT").last().alias("STATUSDT"),
            pl.col("SEQ").last().alias("STATUSSEQ"),
            pl.col("BECAUSE").last().alias("STATUSWHY"),
        )
    )


def _last_sample(samples: pl.DataFrame, rows: pl.LazyFrame, rule: Mrd) -> pl.LazyFrame:
    """The last sample that the definition of MRD counts."""
    words = {"negative": MRD_NEGATIVE, "not_negative": MRD_NOT_NEGATIVE, "not_assessed": MRD_UNSURE}
    before = samples.lazy().join(rows.select(*KEY, "TRTSDT", "HSCTDT"), on=KEY)
    before = before.filter((pl.col("ADT") > pl.col("TRTSDT")) & (pl.col("ADT") <= pl.col("HSCTDT")))
    return (
        judged(before, load_mrd_rules(rule.definition))
        .filter(pl.col("CATEGORY").is_not_null())
        .sort(*KEY, "ADT", "RANK")  # of several on one day, the worst
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("STANDING").last().replace_strict(words, return_dtype=pl.String).alias("HSCTMRD"),
            pl.col("ADT").last().alias("MRDDT"),
            pl.col("MRDSEQ").last(),
            pl.col("MRDVAR").last(),
        )
    )


def _last_bilirubin(data: ClinicalData, rows: pl.LazyFrame, declared: Transplant) -> pl.LazyFrame:
    complete = pl.when(pl.col("LBDTC").str.len_chars() == 10).then(first_day("LBDTC"))
    before = (pl.col("HSCTDT") - pl.col("LBDT")).dt.total_days()
    high = holds("LBSTRESN", ">=", pl.col("LBSTNRHI"))
    return (
        data["LB"]
        .lazy()
        .filter((pl.col("LBTESTCD") == "BILI") & pl.col("LBSTRESN").is_not_null())
        .with_columns(complete.alias("LBDT"))
        .join(rows.select(*KEY, "HSCTDT"), on=KEY)
        .filter(before.is_between(1, declared.bilirubin_days))
        .with_columns(high.alias("HIGH"))
        .sort(*KEY, "LBDT", "SEQ")
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.col("HIGH").last(),
            pl.col("LBSTRESN").last().alias("BILI"),
            pl.col("LBSTNRHI").last().alias("BILIULN"),
            pl.col("LBDT").last(),
            pl.col("SEQ").last().alias("BILISEQ"),
        )
    )


def _procedure(data: ClinicalData, declared: Transplant) -> pl.LazyFrame:
    """Donor, conditioning and recorded status of each procedure; only PR has them."""
    rows = data["PR"].lazy() if declared.source == "PR" else data["PR"].lazy().clear()
    return rows.select(*KEY, pl.col("SEQ").alias("transplant_SEQ"), "PRDONOR", "PRCOND", "PRSTATUS").unique(
        [*KEY, "transplant_SEQ"], keep="first", maintain_order=True
    )


def _with_status(rows: pl.LazyFrame, responders: tuple[str, ...]) -> pl.LazyFrame:
    """Add HSCTSTAT and HSCTBRFL, both null where a relapse or new therapy has no date to compare."""
    done = pl.col("HSCTDT").is_not_null()

    def before(milestone: str) -> pl.Expr:
        happened = (pl.col(milestone) <= pl.col("HSCTDT")).fill_null(False)
        undated = pl.col(f"{milestone}_KNOWN").fill_null(False) & pl.col(milestone).is_null()
        return pl.when(~undated).then(happened)

    relapsed = before("relapse")
    status = pl.when(relapsed).then(pl.lit(_RELAPSE)).when(~relapsed).then(pl.col("STATUS"))
    rows = rows.with_columns(pl.when(done).then(status).alias("HSCTSTAT"))
    in_response = pl.col("HSCTSTAT").is_in(responders)
    bridged = in_response & ~before("new_therapy")
    known = done & pl.col("HSCTSTAT").is_not_null()
    return rows.with_columns(pl.when(known).then(_yes(bridged)).alias("HSCTBRFL"))


def _recorded_responds(declared: Transplant, protocol: Protocol) -> pl.Expr:
    """Whether the recorded status is a response; null where a word of it is not declared, or it says both."""
    responders = {r.lower() for r in responders_of(protocol.response)}
    remission = [*declared.recorded_remission, *responders]
    active = [w for w in declared.recorded_active if w.lower() not in responders]
    read, good, bad = (
        names_only("PRSTATUS", [*remission, *active]),
        names_any("PRSTATUS", remission),
        names_any("PRSTATUS", active),
    )
    return pl.when(read & (good != bad)).then(good)


def _differs(protocol: Protocol) -> pl.Expr:
    not_evaluable = load_rules(protocol.response.criteria).not_evaluable
    derived = pl.when(pl.col("HSCTSTAT") != not_evaluable).then(
        pl.col("HSCTSTAT").is_in(responders_of(protocol.response))
    )
    return _yes(derived != pl.col("SAID")).alias("HSCTDIS")


def _yes(holds: pl.Expr) -> pl.Expr:
    return pl.when(holds).then(pl.lit("Y")).when(~holds).then(pl.lit("N"))


def _flags(declared: Transplant, protocol: Protocol) -> list[pl.Expr]:
    ends, names = declared.interval_days, interval_groups(protocol)
    days = pl.col("HSCTINT")
    groups: list[pl.Expr] = [pl.when(days <= end).then(pl.lit(name)) for end, name in zip(ends, names, strict=False)]
    groups += [pl.when(days.is_not_null()).then(pl.lit(names[-1]))] if names else [pl.lit(None, pl.String)]
    named = {name: names_any("PRCOND", words) for name, words in declared.alkylators.items()}
    every = [w for words in declared.alkylators.values() for w in words] + list(declared.other_conditioning)
    read = names_only("PRCOND", every)
    many = pl.sum_horizontal(named.values()) if named else pl.lit(0)
    return [
        pl.coalesce(groups).alias("HSCTINTG"),
        pl.col("PRDONOR").alias("HSCTDON"),
        pl.col("PRCOND").alias("HSCTCOND"),
        pl.col("PRSTATUS").alias("HSCTREC"),
        pl.when(many >= 2).then(pl.lit("Y")).when(read).then(pl.lit("N")).alias("HSCTALK2"),
        pl.when(named.get(THIOTEPA, pl.lit(False))).then(pl.lit("Y")).when(read).then(pl.lit("N")).alias("HSCTTHIO"),
        read.alias("READ"),
        pl.concat_list([pl.when(found).then(pl.lit(name)) for name, found in named.items()])
        .list.drop_nulls()
        .list.join(" and ")
        .alias("AGENTS")
        if named
        else pl.lit("").alias("AGENTS"),
        _yes(pl.col("HIGH")).alias("HSCTBILI"),
    ]


def _reasons(out: pl.DataFrame, declared: Transplant, names: list[str], event: str) -> list[pl.LazyFrame]:
    done = run(out.lazy().filter(pl.col("HSCTFL") == "Y"))
    day = pl.col("HSCTDT").cast(pl.String)
    on = pl.format("transplanted on {}", day).fill_null("transplanted, date not recorded")
    assessed = pl.format("last assessment before: {} ({})", "STATUS", "STATUSWHY").fill_null("no assessment before it")
    relapse = pl.when(pl.col("HSCTSTAT") == _RELAPSE).then(
        pl.format("; relapse on {}", pl.col("relapse").cast(pl.String))
    )
    status = pl.format("{}; {}{}", on, assessed, relapse.fill_null(""))
    since = pl.when((pl.col("new_therapy") <= pl.col("HSCTDT")).fill_null(False)).then(
        pl.format("new therapy on {}", pl.col("new_therapy").cast(pl.String))
    )
    therapy = since.fill_null("no new therapy recorded before")
    interval = pl.format("{}, {} after the last dose", on, number_of("HSCTINT", "day")).fill_null(on)
    mrd = pl.format("{}; last MRD sample before it on {}: {}", on, pl.col("MRDDT").cast(pl.String),
        pl.col("HSCTMRD").str.to_lowercase()).fill_null(pl.format("{}; no MRD sample before it", on))  # fmt: skip
    donor = pl.format("{}; donor {}", on, "HSCTDON").fill_null(pl.format("{}; donor not recorded", on))
    recorded = pl.format("{}; recorded status {}", on, "HSCTREC").fill_null(pl.format("{}; status not recorded", on))
    said = pl.when(pl.col("SAID")).then(pl.lit(", a remission")).when(~pl.col("SAID")).then(pl.lit(", no remission"))
    unsaid = pl.when(pl.col("HSCTREC").is_not_null()).then(pl.lit(", which the words of the protocol do not read"))
    beside = pl.coalesce(pl.format("recorded status {}", "HSCTREC"), pl.lit("status not recorded"))
    beside = pl.format("{}; {}{}", status, beside, pl.coalesce(said, unsaid, pl.lit("")))
    conditioned = pl.format("{}; conditioning {}", on, "HSCTCOND")
    conditioning = conditioned.fill_null(pl.format("{}; conditioning not recorded", on))
    agents = pl.when(pl.col("AGENTS") == "").then(pl.lit("no alkylating agent")).otherwise(pl.col("AGENTS"))
    unread = pl.when(~pl.col("READ")).then(pl.lit(", and a word that the protocol does not know")).otherwise(pl.lit(""))
    alkylated = pl.format("{}: {}{}", conditioned, agents, unread).fill_null(conditioning)
    bilirubin = pl.format(
        "bilirubin {} on {}, upper limit {}",
        number_text("BILI"),
        pl.col("LBDT").cast(pl.String),
        number_text("BILIULN").fill_null("not recorded"),
    ).fill_null(f"no dated bilirubin in the {declared.bilirubin_days} days before")
    of_row = pl.col("transplant_SEQ")
    told: dict[str, tuple[pl.Expr, str, pl.Expr, str | pl.Expr]] = {
        "HSCTSTAT": (status, "RS", pl.col("STATUSSEQ"), "BMBLAST"),
        "HSCTREC": (recorded, declared.source, of_row, "PRSTATUS"),
        "HSCTDIS": (beside, declared.source, of_row, "PRSTATUS"),
        "HSCTBRFL": (pl.format("{}; {}", status, therapy), "RS", pl.col("STATUSSEQ"), "BMBLAST"),
        "HSCTINTG": (interval, declared.source, of_row, "PRSTDTC"),
        "HSCTMRD": (mrd, "RS", pl.col("MRDSEQ"), pl.col("MRDVAR")),
        "HSCTDON": (donor, declared.source, of_row, "PRDONOR"),
        "HSCTCOND": (conditioning, declared.source, of_row, "PRCOND"),
        "HSCTALK2": (alkylated, declared.source, of_row, "PRCOND"),
        "HSCTTHIO": (alkylated, declared.source, of_row, "PRCOND"),
        "HSCTBILI": (pl.format("{}; {}", on, bilirubin), "LB", pl.col("BILISEQ"), "LBSTRESN"),
    }
    absent = run(out.lazy().filter(pl.col("HSCTFL") != "Y"))
    none = pl.lit(f"no transplantation recorded after the {event}")
    return [
        part
        for name in names
        for part in (
            reason(done, f"ADSL.{name}", pl.col(name), told[name][0], told[name][1:]),
            reason(absent, f"ADSL.{name}", pl.col(name), none),
        )
    ]
