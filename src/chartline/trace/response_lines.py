"""What the report is told of the response: its rule sets, who changes between them, and where the charts disagree.

In: the protocol and the derived tables. Out: the plain lines of `report/source.py`. A withheld value disagrees with
nothing.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from chartline.derive.model import Adam
from chartline.derive.response_rules import ResponseRules, load_rules, responders_of
from chartline.derive.rule_sets import rests_on_response
from chartline.protocol.model import Protocol
from chartline.protocol.response import Response
from chartline.report.source import DiscordantLine, ResponseLine, ResponseSet


def with_responders(protocol: Protocol) -> Protocol:
    """Return the protocol as a report needs it: with the responders of its rule set filled in."""
    filled = protocol.response.model_copy(update={"responders": responders_of(protocol.response)})
    return protocol.model_copy(update={"response": filled})


def response_words(protocol: Protocol) -> dict[str, Any]:
    """Return the fields `response_sets` (none where the study is not about response) and `levels` of a ReportSource."""
    sets = response_sets(protocol)
    own = {s.variable: {code: meaning for code, meaning, _ in s.categories} for s in sets}
    shown = sets if rests_on_response(protocol) else ()
    return {"response_sets": shown, "levels": own | dict.fromkeys(("FRSP", "INVBOR", "HSCTSTAT"), own["BOR"])}


def changing_lines(adam: Adam, protocol: Protocol) -> tuple[ResponseLine, ...]:
    """Return the eligible patients whose best response differs between the rule sets, by subject."""
    return _changing(_eligible(adam), [s.variable for s in response_sets(protocol)])


def discordant_lines(adam: Adam) -> dict[str, tuple[DiscordantLine, ...]]:
    """Return variable -> the eligible patients of whom what was derived and what was recorded differ, by subject."""
    adsl = _eligible(adam)
    return {
        "INVBOR": _discordant(_differing(adsl, "BOR", "INVBOR"), adam, ("BOR", "INVBOR")),
        "DRELFL": _discordant(_differing(adsl, "DRELFL", "RECRELFL"), adam, ("DRELDT", "RECRELDT")),
        "HSCTSTAT": _discordant(_status_differs(adsl), adam, ("HSCTSTAT", "HSCTREC")),
    }


def _eligible(adam: Adam) -> pl.DataFrame:
    return adam["ADSL"].filter(pl.col("ELIGFL") == "Y").sort("USUBJID")


def response_sets(protocol: Protocol) -> tuple[ResponseSet, ...]:
    """Return the rule sets that the protocol derives by, each once, the main one first.

    Of several variants by one rule set (they differ in windows) the one that differs in nothing else stands for it.
    """
    main = protocol.response
    choices = {"BOR": main} | {f"BOR_{n}": r for n, r in protocol.response_variants.items()}
    others = {v: r for v, r in choices.items() if r.criteria != main.criteria}
    plain = {v: r for v, r in others.items() if r.model_copy(update={"criteria": main.criteria}) == main}
    first: dict[str, tuple[str, Response]] = {main.criteria: ("BOR", main)}
    for variable, choice in (plain | others).items():
        first.setdefault(choice.criteria, (variable, choice))
    return tuple(_set(variable, choice) for variable, choice in first.values())


def _set(variable: str, choice: Response) -> ResponseSet:
    rules = load_rules(choice.criteria)
    return ResponseSet(
        variable, rules.label, rules.version, rules.source.strip(), responders_of(choice), _categories(rules)
    )


def _categories(rules: ResponseRules) -> tuple[tuple[str, str, str], ...]:
    """The categories best first, with the one that nobody could judge."""
    origins = {rules.not_evaluable: ""}
    for c in rules.categories:  # a category may hold in a second way, each with its origin
        origins[c.code] = "; or: ".join(filter(None, (origins.get(c.code), c.origin.strip())))
    if rules.durability is not None:
        origins[rules.durability.code] = rules.durability.origin.strip()
    return tuple((code, rules.labels.get(code, "Not evaluable"), origins[code]) for code in rules.best)


def _changing(adsl: pl.DataFrame, variables: list[str]) -> tuple[ResponseLine, ...]:
    if len(variables) < 2:
        return ()
    rows = adsl.select("USUBJID", *variables).iter_rows(named=True)
    lines = [ResponseLine(r.pop("USUBJID"), {v: code for v, code in r.items() if code is not None}) for r in rows]
    return tuple(line for line in lines if len(set(line.best.values())) > 1)


def _differing(adsl: pl.DataFrame, derived: str, recorded: str) -> pl.DataFrame:
    """USUBJID and the two variables of those of whom both are known and differ."""
    return adsl.filter(pl.col(derived) != pl.col(recorded)).select("USUBJID", derived, recorded)


def _status_differs(adsl: pl.DataFrame) -> pl.DataFrame:
    """The same of the status at transplantation, whose two variables are not in the same words: HSCTDIS says it."""
    if "HSCTDIS" not in adsl.columns:
        return pl.DataFrame(schema={"USUBJID": pl.String, "HSCTSTAT": pl.String, "HSCTREC": pl.String})
    return adsl.filter(pl.col("HSCTDIS") == "Y").select("USUBJID", "HSCTSTAT", "HSCTREC")


def _discordant(differ: pl.DataFrame, adam: Adam, told: tuple[str, str]) -> tuple[DiscordantLine, ...]:
    """Lines of USUBJID, derived, recorded; the sentences are those of the variables `told`."""
    items = [f"ADSL.{n}" for n in told]
    whose = adam.trace.filter(pl.col("USUBJID").is_in(differ["USUBJID"].to_list()), pl.col("ITEM").is_in(items))
    why = {(s, i): because for s, i, because in whose.select("USUBJID", "ITEM", "BECAUSE").rows()}
    return tuple(
        DiscordantLine(s, one, other, why.get((s, items[0]), ""), why.get((s, items[1]), ""))
        for s, one, other in differ.iter_rows()
    )
