"""docs/rules/: a page for every rule set below `derive/`, and one that compares the response criteria.

In: the YAML rule sets of every folder (any model that extends `RuleSet`; a table of the same name beside it holds its
rules), and the example study. Out: path below docs/rules/ -> text. A new rule set needs no new line here.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from chartline.derive.response_rules import ResponseRules
    from chartline.derive.rule_set import RuleSet

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "inotuzumab-india"
_NOTE = "<!-- Written by `make docs` from the rule files below src/chartline/derive. Edit those, not this page. -->"
_HEADER = ("part", "variable", "operator", "threshold", "unit", "window", "what else")


@cache
def rule_pages() -> dict[str, str]:
    """Return every page of docs/rules/ by its path there."""
    found = list(rule_sets())
    out = {f"{folder}/{rules.name}.md": _rules_page(folder, rules) for folder, rules in found}
    out["responses.md"] = _comparison([r for folder, r in found if folder == "criteria"])
    out["README.md"] = _index(found)
    return out


def rule_sets() -> Iterator[tuple[str, RuleSet]]:
    """Yield (folder, rule set) of every YAML file below `derive/`, read by the model whose `chartline` it names."""
    from ruamel.yaml import YAML

    from chartline.derive import rule_set

    models = _models()
    for folder in sorted((files("chartline") / "derive").iterdir(), key=lambda f: f.name):
        for file in sorted(folder.iterdir(), key=lambda f: f.name) if folder.is_dir() else ():
            if file.name.endswith(".yaml"):
                kind = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["chartline"]
                name = file.name.removesuffix(".yaml")
                yield folder.name, rule_set.load_rule_set(folder.name, name, models[kind], "docs")


def _models() -> dict[str, type[RuleSet]]:
    """Which model reads which format: every module of `derive` may define one."""
    import chartline.derive
    from chartline.derive.rule_set import RuleSet

    for module in pkgutil.iter_modules(chartline.derive.__path__):
        importlib.import_module(f"chartline.derive.{module.name}")
    return {get_args(m.model_fields["chartline"].annotation)[0]: m for m in _below(RuleSet)}


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for k in kind.__subclasses__():
        if "chartline" in k.model_fields:
            yield k
        yield from _below(k)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(header)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _rules_page(folder: str, r: RuleSet) -> str:
    lines = [f"# {r.label}", "", _NOTE, ""]
    head = {"name": f"`{r.name}` (`derive/{folder}/{r.name}.yaml`)", "version": r.version, "source": r.source.strip()}
    head |= {"checked": r.status, "what was checked": r.verified.strip()}
    lines += [*_table(("", ""), head.items()), "", "## Rules", ""]
    beside = files("chartline") / "derive" / folder / f"{r.name}.csv"
    if beside.is_file():
        header, *listed = csv.reader(beside.read_text(encoding="utf-8").splitlines())
        return "\n".join([*lines, *_table(header, listed), ""])
    rows = [(w.part, w.variable, w.operator, w.threshold, w.unit, w.window, w.note) for w in r.rows()]
    return "\n".join([*lines, *_table(_HEADER, rows), ""])


def _index(found: list[tuple[str, RuleSet]]) -> str:
    lines = [
        "# Rule sets", "", _NOTE, "",
        "A rule set is data with a name, a version, a source and a word on how far it was checked against it. A "
        "protocol names the one it uses; a report prints what is not verified. How the response criteria differ: "
        "[responses.md](responses.md).",
        "",
    ]  # fmt: skip
    rows = [(f"[{r.label}]({folder}/{r.name}.md)", folder, f"`{r.name}`", r.version, r.status) for folder, r in found]
    return "\n".join([*lines, *_table(("rule set", "folder", "name", "version", "checked"), rows), ""])


# the comparison of response criteria -------------------------------------------------------------------------------


def _comparison(sets: list[Any]) -> str:
    from chartline.derive.response_rules import ResponseRules

    own: list[ResponseRules] = [r for r in sets if isinstance(r, ResponseRules)]
    lines = [
        "# Response criteria compared", "", _NOTE, "",
        "What every shipped rule set asks, category by category. Rows in which the sets differ are bold; a cell is "
        "empty where a set asks nothing, a dash where it has no such category. Then the patients of the example whose "
        "best response differs between the sets for ALL.",
        "",
    ]  # fmt: skip
    for disease in dict.fromkeys(d for r in own for d in r.diseases):
        of = [r for r in own if disease in r.diseases]
        lines += [f"## {disease}", "", *_everything(of)]
    lines += ["## The example under each rule set for ALL", ""]
    return "\n".join([*lines, *_patients([r for r in own if "ALL" in r.diseases])])


def _everything(sets: list[ResponseRules]) -> list[str]:
    out: list[str] = []
    labels = {c.code: c.label for r in sets for c in r.categories}
    for code in dict.fromkeys(c.code for r in sets for c in r.categories):
        asked = [_asked(r, code) for r in sets]
        names = list(dict.fromkeys(name for a in asked if a for name in a))
        rows = [_marked(n, ["-" if a is None else a.get(n, "") for a in asked]) for n in names]
        out += [f"### {code}: {labels[code]}", "", *_table(("", *[r.label for r in sets]), rows), ""]
    rows = [("responses", *[", ".join(r.responders) for r in sets]), ("best first", *[", ".join(r.best) for r in sets])]
    rows += [("counts window", *[_window(r) for r in sets])]
    supports = dict.fromkeys(s.label for r in sets for s in r.support.values())
    rows += [(f"days without {s} before a count", *[_free_days(r, s) for r in sets]) for s in supports]
    rows += [("held", *[_held(r) for r in sets]), ("relapse", *[_relapse(r) for r in sets])]
    rows += [("refractory", *[_refractory(r) for r in sets]), ("checked", *[r.status for r in sets])]
    return [*out, "### Everything else", "", *_table(("", *[r.label for r in sets]), rows), ""]


def _marked(name: str, cells: list[str]) -> tuple[str, ...]:
    """A row, its name bold where the sets that have the category differ."""
    return (f"**{name}**" if len({c for c in cells if c != "-"}) > 1 else name, *cells)


@cache
def _label(variable: str) -> str:
    """A variable of an assessment, or a laboratory test, as readers see it."""
    from chartline.core.clinical import variables
    from chartline.mapping.words import tests

    own = variables()["RS"].get(variable)
    return own.label if own is not None else tests()[variable][0]


def _asked(r: ResponseRules, code: str) -> dict[str, str] | None:
    """What a category asks: variable -> test. None where the set has no such category."""
    ways = [_asked_of(r, c) for c in r.categories if c.code == code]
    if not ways:
        return None
    others = ["; ".join(f"{name} {test}" for name, test in way.items()) for way in ways[1:]]
    return ways[0] | ({"or else": "; or ".join(others)} if others else {})


def _asked_of(r: ResponseRules, category: Any) -> dict[str, str]:
    from chartline.derive.response_rules import AnyOf, CountRule, CountsRequirement

    out: dict[str, list[str]] = {}
    for requirement in category.requires:
        if isinstance(requirement, CountsRequirement):
            for rule in r.counts[requirement.counts]:
                free = f"no {r.support[rule.without].label} before" if rule.without else ""
                text = (
                    f"{rule.operator} {rule.threshold:g} {rule.unit}, {free}" if isinstance(rule, CountRule) else free
                )
                name = _label(rule.test) if isinstance(rule, CountRule) else "Support"
                out.setdefault(name, []).append(
                    text.strip(", ") + (" (any of these)" if requirement.which == "any" else "")
                )
        else:
            parts = requirement.any_of if isinstance(requirement, AnyOf) else (requirement,)
            for part in parts:
                name, text = _test(part)
                if isinstance(requirement, AnyOf):
                    text += " (any of these)"
                out.setdefault(name, []).append(text)
    return {name: "; ".join(texts) for name, texts in out.items()}


def _test(part: Any) -> tuple[str, str]:
    """A requirement as (variable, test)."""
    from chartline.derive.response_rules import Change, Finding, Recorded

    if isinstance(part, Recorded):
        return _label(part.recorded), "recorded"
    available = ", where available" if getattr(part, "if_available", False) else ""
    if isinstance(part, Finding):
        before = f" (before treatment {', '.join(part.at_baseline)})" if part.at_baseline else ""
        return _label(part.variable), f"{' or '.join(part.one_of)}{before}{available}"
    if isinstance(part, Change):
        if part.fall_percent is not None:
            return _label(part.variable), f"fall of at least {part.fall_percent:g} %"
        return _label(part.variable), f"rise of at least {part.rise_percent:g} %"
    again = f", again after {part.again_after_days} days" if part.again_after_days is not None else ""
    return _label(part.variable), f"{part.operator} {part.threshold:g} {part.unit}".strip() + again + available


def _window(r: ResponseRules) -> str:
    return f"{r.counts_window.days[0]} to {r.counts_window.days[1]} days from the marrow" if r.counts_window else ""


def _free_days(r: ResponseRules, label: str) -> str:
    return "".join(str(s.free_days) for s in r.support.values() if s.label == label)


def _held(r: ResponseRules) -> str:
    if r.durability is None:
        return ""
    unless = " unless transplanted sooner" if r.durability.unless_transplanted else ""
    return f"{', '.join(r.durability.of)}: at least {r.durability.days} days{unless}"


def _relapse(r: ResponseRules) -> str:
    return "; or ".join(" ".join(_test(p)) for p in r.relapse.any_of) if r.relapse else ""


def _refractory(r: ResponseRules) -> str:
    if r.refractory is None:
        return ""
    after = [f"{m}{'' if m.of == 'any' else f' of {m.of} treatment'.replace('_', ' ')}" for m in r.refractory.landmarks]
    return f"no {' or '.join(r.refractory.without)} after {' or '.join(after)}"


def _patients(sets: list[ResponseRules]) -> list[str]:
    """Patients of the example by best response under each set, and those whose best response differs."""
    import polars as pl

    from chartline.pipeline import derive_study, read_study

    study = read_study(EXAMPLE)
    own = {"responders": (), "counts_window_days": None, "support_free_days": None}
    response = study.protocol.response.model_copy(update=own)
    variants = {r.name.upper(): response.model_copy(update={"criteria": r.name}) for r in sets}
    protocol = study.protocol.model_copy(update={"response_variants": study.protocol.response_variants | variants})
    from dataclasses import replace

    adsl = derive_study(replace(study, protocol=protocol))[1]["ADSL"].filter(pl.col("ELIGFL") == "Y").sort("USUBJID")
    columns = [f"BOR_{name}" for name in variants]
    best = adsl.select("USUBJID", *columns).rows()
    header = ("", *[r.label for r in sets])
    counts = []
    for code in dict.fromkeys(code for r in sets for code in r.best):
        n = [str(sum(row[i] == code for row in best)) if code in r.best else "-" for i, r in enumerate(sets, 1)]
        counts.append((code, *n))
    responding = [str(sum(row[i] in r.responders for row in best)) for i, r in enumerate(sets, 1)]
    differ = [[str(v) for v in row] for row in best if len(set(row[1:])) > 1]
    return [
        f"{len(best)} eligible patients, synthetic, with the centres' answers.", "",
        *_table(header, [*counts, ("**response**", *responding)]), "",
        "Patients whose best response differs:", "",
        *_table(("patient", *header[1:]), differ), "",
    ]  # fmt: skip
