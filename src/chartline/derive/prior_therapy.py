"""Lines of therapy before day 0.

In: the rows that the protocol calls lines, the cohort's subjects with their characteristics. Out per subject

    SALVAGE   which attempt after first-line therapy the index treatment is: the number of lines before it
    RRSTAT    primary refractory where no line brought a remission, else relapsed
    CR1GRP    primary refractory, or whether the first remission was short (the protocol's limit)
    PRHSCTFL  transplanted on or before day 0
    <agent>   Y where a line names it

A line that began after day 0 is no earlier line. A subject without any line is not known to have had none; a line
without a best response, or without a name, leaves open what depends on it.
"""

from __future__ import annotations

import polars as pl

from chartline.core.clinical import ClinicalData
from chartline.core.condition import parse_condition
from chartline.core.dates import first_day, last_day
from chartline.core.plans import run
from chartline.core.reasons import number_of, number_text, reason
from chartline.core.words import names_any
from chartline.derive.lines import rebuild_lines
from chartline.derive.milestones import KEY
from chartline.errors import ProtocolError
from chartline.protocol.model import Protocol
from chartline.protocol.treatment import LineRule, PriorTherapy, Transplant
from chartline.protocol.treatment_names import REFRACTORY, RELAPSED, first_remission_groups

_CELL = ["SRCDOM", "SRCSEQ", "SRCVAR"]
_EXPOSURE = {"CM": ("CMTRT", "CMSTDTC", "CMENDTC"), "EX": ("EXTRT", "EXSTDTC", None)}  # drug, first and last day
_LINE = {"MH": ("MHTERM", "MHSTDTC"), "CM": ("CMTRT", "CMSTDTC")}  # domain -> what it names the line, and its start


def derive_prior_therapy(
    data: ClinicalData, subjects: pl.DataFrame, facts: pl.DataFrame, protocol: Protocol
) -> tuple[pl.DataFrame, list[pl.LazyFrame]]:
    """Return (one row a subject with a day 0, trace); both empty where the protocol declares no lines.

    `facts` is the cohort's trace: where the duration of the first remission stands. Reads of the protocol
    `prior_therapy` and `transplant`. Raises `ProtocolError` for a domain that holds no lines.
    """
    prior = protocol.prior_therapy
    if prior is None:
        return pl.DataFrame(), []
    months = pl.col(prior.first_remission) if prior.first_remission else pl.lit(None)
    treated = (
        subjects.lazy()
        .filter(pl.col("TRTSDT").is_not_null())
        .select(*KEY, "TRTSDT", months.cast(pl.Float64).alias("MONTHS"))
    )
    plan, undated = (
        _rebuilt(data, treated, prior, prior.rebuild) if prior.rebuild else (_lines(data, treated, prior), None)
    )
    lines = run(plan)
    rows = treated.join(_per_subject(lines.lazy(), prior), on=KEY, how="left", maintain_order="left")
    if undated is not None:
        rows = rows.join(undated, on=KEY, how="left", maintain_order="left")
        rows = rows.with_columns(pl.coalesce("LISTED", "UNDATED").alias("LISTED")).drop("UNDATED")
    if protocol.transplant is not None:
        rows = rows.join(_transplanted(data, treated, protocol.transplant), on=KEY, how="left", maintain_order="left")
        rows = rows.with_columns(pl.col("PRHSCTFL").fill_null("N"))
    short, long = first_remission_groups(protocol)
    group = (
        pl.when(pl.col("RRSTAT") == REFRACTORY)
        .then(pl.lit(REFRACTORY))
        .when(pl.col("MONTHS") < prior.short_remission_months)
        .then(pl.lit(short))
        .when(pl.col("MONTHS") >= prior.short_remission_months)
        .then(pl.lit(long))
    )
    out = run(rows.with_columns(group.alias("CR1GRP")))
    names = ["SALVAGE", "RRSTAT", "CR1GRP", *(["PRHSCTFL"] if protocol.transplant else []), *prior.agents]
    stated = facts.lazy().filter(pl.col("ITEM") == f"ADSL.{prior.first_remission}").select(*KEY, *_CELL)
    return out.select(*KEY, *names), _reasons(out, lines, stated, prior, names)


def _lines(data: ClinicalData, treated: pl.LazyFrame, prior: PriorTherapy) -> pl.LazyFrame:
    """Every line that began on or before day 0, or at an unknown time: NAME, RESPONSE, REMISSION, in order."""
    domain = prior.lines.source
    if domain not in _LINE:
        raise ProtocolError(
            f"Rows of {domain} are no lines of therapy",
            where="prior_therapy.lines.from",
            expected=" or ".join(_LINE),
            do="name the domain that holds the lines",
        )
    name, start = _LINE[domain]
    rows = data[domain].lazy().filter(parse_condition(prior.lines.where).expr(dict(data[domain].schema)))
    number, response = (
        (pl.col("MHSEQN"), pl.col("MHBESTRSP")) if domain == "MH" else (pl.lit(None, pl.Int64), pl.lit(None, pl.String))
    )
    before = (first_day(start) <= pl.col("TRTSDT")).fill_null(True)
    return (
        rows.join(treated.select(*KEY, "TRTSDT"), on=KEY, maintain_order="left")
        .filter(before)
        .select(
            *KEY,
            "SEQ",
            pl.col(name).alias("NAME"),
            response.alias("RESPONSE"),
            response.is_in(prior.remission).alias("REMISSION"),
            number.alias("NUMBER"),
            first_day(start).alias("START"),
        )
        .sort(*KEY, "NUMBER", "START", "SEQ", nulls_last=True)
    )


def _rebuilt(
    data: ClinicalData, treated: pl.LazyFrame, prior: PriorTherapy, rule: LineRule
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The lines rebuilt from exposures that began before day 0, as `_lines` gives them; and whose cannot be told,
    because an exposure has no date: UNDATED, in words."""
    domain = prior.lines.source
    if domain not in _EXPOSURE:
        raise ProtocolError(
            f"Rows of {domain} are no exposures that lines can be rebuilt from",
            where="prior_therapy.lines.from",
            expected=" or ".join(_EXPOSURE),
            do="name the domain that holds the exposures, or take out `rebuild`",
        )
    drug, start, end = _EXPOSURE[domain]
    rows = data[domain].lazy().filter(parse_condition(prior.lines.where).expr(dict(data[domain].schema)))
    last = last_day(end) if end else pl.lit(None, pl.Date)
    exposures = run(
        rows.join(treated.select(*KEY, "TRTSDT"), on=KEY, maintain_order="left")
        .filter((first_day(start) < pl.col("TRTSDT")).fill_null(True))
        .select(*KEY, "SEQ", pl.col(drug).alias("DRUG"), first_day(start).alias("START"), last.alias("END"))
    )
    dated = pl.col("START").is_not_null() & pl.col("DRUG").is_not_null()
    open_ = exposures.filter(~dated).select(KEY).unique()
    because = pl.lit("an earlier exposure without date or drug, so lines cannot be told apart").alias("UNDATED")
    lines = rebuild_lines(exposures.join(open_, on=KEY, how="anti", maintain_order="left"), rule)
    unknown = [pl.lit(None, pl.String).alias("RESPONSE"), pl.lit(None, pl.Boolean).alias("REMISSION")]
    return (
        lines.lazy().select(
            *KEY, "SEQ", pl.col("DRUGS").alias("NAME"), *unknown, pl.col("LINE").alias("NUMBER"), "START"
        ),
        open_.lazy().with_columns(because),
    )


def _per_subject(lines: pl.LazyFrame, prior: PriorTherapy) -> pl.LazyFrame:
    remission, every_known = pl.col("REMISSION").any(), pl.col("REMISSION").is_not_null().all()
    status = pl.when(remission).then(pl.lit(RELAPSED)).when(every_known).then(pl.lit(REFRACTORY))
    agents = []
    for name, agent in prior.agents.items():
        named = names_any("NAME", agent.words)
        flag = pl.when(named.any()).then(pl.lit("Y")).when(named.is_not_null().all()).then(pl.lit("N"))
        agents.append(flag.alias(name))
    listed = pl.format("{} ({})", pl.col("NAME").fill_null("unnamed"), pl.col("RESPONSE").fill_null("response unknown"))
    return lines.group_by(KEY, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("SALVAGE"), status.alias("RRSTAT"), *agents, listed.str.join(", ").alias("LISTED")
    )


def _transplanted(data: ClinicalData, treated: pl.LazyFrame, transplant: Transplant) -> pl.LazyFrame:
    """Y with the row of the last transplantation on or before day 0, by its date or, without one, by its timing."""
    rows = data[transplant.source].lazy()
    if transplant.source != "PR":
        return treated.select(KEY).with_columns(
            pl.lit(None, pl.String).alias("PRHSCTFL"), pl.lit(None, pl.Int64).alias("PRHSCTSEQ"),
            pl.lit(None, pl.String).alias("PRHSCTDTC"),
        ).clear()  # fmt: skip
    said = pl.col("PRTIMING") == "BEFORE"
    before = (
        pl.when(last_day("PRSTDTC") <= pl.col("TRTSDT"))
        .then(pl.lit(True))
        .when(first_day("PRSTDTC") > pl.col("TRTSDT"))
        .then(pl.lit(False))
        .otherwise(said)
    )
    done = parse_condition(transplant.where).expr(dict(data["PR"].schema)) & (pl.col("PROCCUR").fill_null("Y") != "N")
    found = rows.filter(done).join(treated.select(*KEY, "TRTSDT"), on=KEY, maintain_order="left").filter(before)
    return (
        found.sort(*KEY, "PRSTDTC", "SEQ", nulls_last=False)
        .group_by(KEY, maintain_order=True)
        .agg(
            pl.lit("Y").alias("PRHSCTFL"),
            pl.col("SEQ").last().alias("PRHSCTSEQ"),
            pl.col("PRSTDTC").last().alias("PRHSCTDTC"),
        )
    )


def _reasons(
    out: pl.DataFrame, lines: pl.DataFrame, stated: pl.LazyFrame, prior: PriorTherapy, names: list[str]
) -> list[pl.LazyFrame]:
    domain = prior.lines.source
    rows = run(out.lazy().join(lines.lazy().select(*KEY, "SEQ"), on=KEY, how="left", maintain_order="left"))
    count = pl.format("{} before day 0", number_of("SALVAGE", "line"))
    none = pl.lit("no line of therapy before day 0 is recorded")
    listed = pl.coalesce(pl.format("{}: {}", count, "LISTED"), "LISTED", none)
    status = (
        pl.when(pl.col("RRSTAT") == REFRACTORY)
        .then(pl.format("no remission in {}", listed))
        .when(pl.col("RRSTAT") == RELAPSED)
        .then(pl.format("a remission in {}", listed))
        .otherwise(listed)
    )
    term, start = (_LINE | {"EX": ("EXTRT", "EXSTDTC")})[domain]
    response = "MHBESTRSP" if domain == "MH" else start
    sentences = {"SALVAGE": (listed, term), "RRSTAT": (status, response)}
    sentences |= {name: (listed, term) for name in prior.agents}
    told = [
        reason(rows, f"ADSL.{n}", pl.col(n), sentence, (domain, pl.col("SEQ"), variable))
        for n, (sentence, variable) in sentences.items()
    ]
    lasted = pl.format("first remission of {} months; {}", number_text("MONTHS"), status)
    remission = pl.when(pl.col("RRSTAT") == REFRACTORY).then(status).otherwise(lasted)
    because = remission.fill_null(pl.format("duration of the first remission not recorded; {}", status))
    cells = run(out.lazy().join(stated, on=KEY, how="left", maintain_order="left"))
    place = (pl.col("SRCDOM"), pl.col("SRCSEQ"), pl.col("SRCVAR"))
    told.append(reason(cells, "ADSL.CR1GRP", pl.col("CR1GRP"), because, place))
    if "PRHSCTFL" in names:
        day = pl.format("transplanted before day 0 ({})", pl.col("PRHSCTDTC").fill_null("date not recorded"))
        done = (
            pl.when(pl.col("PRHSCTFL") == "Y").then(day).otherwise(pl.lit("no transplantation before day 0 recorded"))
        )
        told.append(reason(out, "ADSL.PRHSCTFL", pl.col("PRHSCTFL"), done, ("PR", pl.col("PRHSCTSEQ"), "PRSTDTC")))
    return told
