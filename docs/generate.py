"""Write the pages protocol, mapping, checks, cli, tutorial, queries and capture from the code and docs/parts/, and
docs/rules/ from the rule files (`rule_pages.py`).

In: `parts/<page>.md`, hand-written text in which a line `<<name: argument>>` stands for something the code knows (a
table of keys, the registered checks, the units). Out: the page, with each such line replaced. `make docs` runs this; a
test fails where a committed page differs from what this writes.
"""

from __future__ import annotations

import csv
import importlib
import pkgutil
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from console import with_output  # noqa: E402
from rule_pages import rule_pages  # noqa: E402
from schema_tables import InOrder, Reference, flow  # noqa: E402

DECLARATIONS = ("protocol", "mapping")
PAGES = (*DECLARATIONS, "checks", "cli", "tutorial", "queries", "capture")
_DIRECTIVE = re.compile(r"^<<(\w+)(?:: (.+))?>>$")
_NOTE = "<!-- Written by `make docs` from docs/parts/{page}.md and the code. Edit those, not this page. -->"


def page(name: str) -> str:
    """Return the text of one page. Raises `ValueError` where an object of its declaration is not shown."""
    keys = reference(name) if name in DECLARATIONS else None
    out = []
    for line in (HERE / "parts" / f"{name}.md").read_text(encoding="utf-8").splitlines():
        hit = _DIRECTIVE.match(line)
        if hit is None:
            out.append(line)
        elif hit[1] == "keys":
            assert keys is not None
            out += keys.table(hit[2])
        else:
            out += _DIRECTIVES[hit[1]](*([hit[2]] if hit[2] else []))
    if keys is not None and keys.objects - keys.shown:
        raise ValueError(f"{name}: not shown: {sorted(keys.objects - keys.shown)}")
    text = "\n".join([out[0], "", _NOTE.format(page=name), *out[1:]]) + "\n"
    if name == "tutorial":
        with tempfile.TemporaryDirectory() as folder:
            return with_output(text, Path(folder))
    return text


def reference(declaration: str) -> Reference:
    """Return the schema of `protocol` or `mapping`, keys in the order in which they are written."""
    from chartline.mapping.model import Mapping
    from chartline.protocol.model import Protocol

    model = {"protocol": Protocol, "mapping": Mapping}[declaration]
    return Reference(model.model_json_schema(by_alias=True, schema_generator=InOrder))


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return a Markdown table."""
    head = list(header)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |" for row in rows]


# what the code knows -----------------------------------------------------------------------------------------------


def adsl_variables() -> list[str]:
    """ADSL variables every study has."""
    from chartline.protocol.names import COHORT_VARIABLES, DERIVED_VARIABLES

    rows = [(f"`{n}`", label, "yes") for n, label in COHORT_VARIABLES.items()]
    rows += [(f"`{n}`", label, "no") for n, label in DERIVED_VARIABLES.items()]
    return table(("variable", "label", "may be used in eligibility"), rows)


def treatment_variables() -> list[str]:
    """ADSL variables of cycles, earlier therapy and transplantation."""
    from chartline.protocol.treatment_names import CYCLE_VARIABLES, PRIOR_VARIABLES, TRANSPLANT_VARIABLES

    declared = {
        "`treatment.schedule`": CYCLE_VARIABLES,
        "`prior_therapy`": PRIOR_VARIABLES,
        "`transplant`": TRANSPLANT_VARIABLES,
    }
    rows = [(f"`{n}`", label, key) for key, named in declared.items() for n, (label, _) in named.items()]
    return table(("variable", "label", "where declared"), rows)


def event_tables() -> list[str]:
    """The tables of the OMOP CDM that a selection can look into."""
    from chartline.protocol.selection import EVENT_COLUMNS

    rows = [(f"`{n}`", f"`{c.concept}`", f"`{c.day}`", f"`{c.source_value}`" if c.source_value else "none")
            for n, c in EVENT_COLUMNS.items()]  # fmt: skip
    return table(("table", "concept", "day", "source value"), rows)


def schedules() -> list[str]:
    """The shipped dosing schedules, plan by plan and limit by limit."""
    from chartline.derive.rule_set import available_rule_sets, load_rule_set
    from chartline.derive.schedule_rules import Limit, ScheduleRules

    out: list[str] = []
    for name in available_rule_sets("schedules"):
        r = load_rule_set("schedules", name, ScheduleRules, "treatment.schedule")
        out += [f"#### `{name}`: {r.label} (version {r.version})", "", f"Source: {r.source}", "", r.verified, ""]
        plans = [
            (
                p.cycles,
                p.label,
                "; ".join(f"day {d.day}: {d.dose_m2:g}" for d in p.doses),
                f"{p.total_m2:g}",
                p.length_days,
            )
            for p in r.plans
        ]
        out += table(("cycles", "response", "mg/m2", "total", "days"), [tuple(map(str, p)) for p in plans])
        limits = {n: v for n, v in ((f, getattr(r, f)) for f in ScheduleRules.model_fields) if isinstance(v, Limit)}
        limits["flat"] = r.flat.off_plan
        rows = [(f"`{n}`", f"{v.operator} {v.threshold:g} {v.unit}", v.origin) for n, v in limits.items()]
        out += ["", *table(("limit", "holds where", "where it comes from"), rows), ""]
    return out[:-1]


def endpoints() -> list[str]:
    """The shipped endpoints: their declaration and their manual page."""
    from chartline.derive import endpoints as folder

    out: list[str] = []
    for name in sorted(m.name for m in pkgutil.iter_modules(folder.__path__)):
        module = importlib.import_module(f"{folder.__name__}.{name}")
        e = module.ENDPOINT
        declared = {"origin": e.origin, "events": list(e.events), "censor_at": list(e.censor_at), "last": e.last}
        out += [
            f"#### `{name}`: {e.label}",
            "",
            *(line for part in module.__doc__.split("\n\n") for line in (" ".join(part.split()), "")),
            f"`{flow(declared, bare=True)}`",
            "",
            _strategies(e),
            "",
        ]
        for milestone, text in getattr(module, "MILESTONES", {}).items():
            out += [f"Needs `{milestone}: {text}`", ""]
    return out[:-1]


def _strategies(endpoint: Any) -> str:
    """What happens to an endpoint on the way, in the words of ICH E9(R1)."""
    on_the_way = [m for m in ("transplant", "new_therapy") if m != endpoint.origin]
    said = [f"{m.replace('_', ' ')}: {endpoint.strategy(m)}" for m in on_the_way]
    return f"On the way: {', '.join(said)}. Missed assessments: the day of {endpoint.missed_assessments}."


def assertions() -> list[str]:
    """Every assertion: what holds, and why it must."""
    from chartline.assertions.engine import rules

    rows = [(f"`{m.ASSERTION.id}`", m.ASSERTION.sentence, " ".join(m.__doc__.split())) for m in rules()]
    return table(("assertion", "what holds", "more"), rows)


def criteria() -> list[str]:
    """The shipped response rule sets, each with a page of its own."""
    from chartline.derive.response_rules import available_rules, load_rules

    rows = []
    for r in map(load_rules, available_rules()):
        categories = ", ".join(f"`{b}`" for b in r.best)
        rows.append((f"[`{r.name}`](rules/criteria/{r.name}.md)", r.label, r.version, r.status, categories))
    return [
        *table(("name", "rule set", "version", "checked", "categories, best first"), rows),
        "",
        "Where they differ, and which patients of the example change between them: [compared](rules/responses.md).",
    ]


def syndromes() -> list[str]:
    """The shipped criteria of syndromes: pathways and items, with the codes they read."""
    from chartline.derive.syndrome_rules import available_syndromes, load_syndrome, words_of

    out: list[str] = []
    for name in available_syndromes():
        r = load_syndrome(name)
        each = {"dose": "each dose", "later_cycle": "the first dose of each later cycle"}
        from_ = each.get(r.each) or (r.each and f"each day on treatment with: {r.items[r.each].label}")
        from_ = from_ or ", else ".join(m.replace("_", " ") for m in r.counted_from)
        out += [f"#### `{name}`: {r.label} (version {r.version}, {r.status})", ""]
        out += [f"Source: {r.source.strip()}. {r.verified.strip()}", "", f"Days are counted from: {from_}.", ""]
        days = [
            (p, f"{p.days[0]} to {p.days[1]}" if p.days[1] is not None else f"from {p.days[0]}") for p in r.pathways
        ]
        out += [*table(("pathway", "days", "rule"), [(p.label, d, p.origin) for p, d in days]), ""]
        out += [
            *table(("item", "read from"), [(i.label, "; ".join(map(words_of, i.any_of))) for i in r.items.values()]),
            "",
        ]
        if r.grading:
            out += [f"{r.grading.label}: {', '.join(g.label for g in r.grading.grades)}.", ""]
    return out[:-1]


def mrd_definitions() -> list[str]:
    """The shipped MRD definitions, category by category."""
    from chartline.derive.mrd_rules import available_mrd_rules, load_mrd_rules

    out: list[str] = []
    for name in available_mrd_rules():
        r = load_mrd_rules(name)
        head = f"#### `{name}`: {r.label} (version {r.version})"
        out += [head, "", f"MRD-negative: {r.definition}", "", f"Source: {r.source}", "", r.verified, ""]
        rows = [(f"`{c.code}`", c.label, c.counts_as.replace("_", " "), c.origin) for c in r.categories]
        out += [*table(("category", "meaning", "in a rate", "where it comes from"), rows), ""]
    return out[:-1]


def grading() -> list[str]:
    """The shipped grading scales and the tests each one grades."""
    from chartline.derive.grading_scale import available_scales, load_scale

    out = []
    for name in available_scales():
        scale = load_scale(name)
        tests = ", ".join(f"`{t}`" for t in scale.thresholds["test"].unique(maintain_order=True))
        out.append((f"`{name}`", scale.source, scale.status, tests))
    return table(("name", "source", "status", "tests"), out)


def checks() -> list[str]:
    """Every registered data check: a table a group."""
    from chartline.checks.engine import rules
    from chartline.checks.model import Group

    out: list[str] = []
    for group in Group:
        rows = []
        for rule in (r for r, _ in rules().values() if r.group is group):
            topics = ", ".join(sorted(rule.topics)) or "-"
            parameters = ", ".join(f"`{k}: {v}`" for k, v in rule.parameters.items()) or "-"
            rows.append((f"`{rule.id}`", rule.sentence, rule.asks, rule.severity, topics, rule.scope, parameters))
        if rows:
            head = ("check", "what holds in sound data", "what is asked", "severity", "topics", "scope", "parameters")
            out += [f"### {group}", "", *table(head, rows), ""]
    return out[:-1]


def severities() -> list[str]:
    """What an open query of each severity does, and the topics a blocking one can name."""
    from chartline.core.query import Topic

    return ["Topics: " + ", ".join(f"`{t}`" for t in Topic) + "."]


def statistics() -> list[str]:
    """Every declared statistic with its reference."""
    from chartline.stats.statistic import declared_statistics

    rows = [(f"`{s.name}`", s.label, s.gives, f"`{s.reference}`", s.paper) for s in declared_statistics().values()]
    return table(("statistic", "label", "gives", "checked against", "source"), rows)


def domains() -> list[str]:
    """Every clinical variable by domain."""
    from chartline.core.clinical import variables
    from chartline.mapping.words import terms

    out: list[str] = []
    for domain, of in variables().items():
        rows = []
        for v in of.values():
            closed = terms(domain, v.name, v.type)
            words = ", ".join(f"`{t}`" for t in closed) if closed and v.name != "LBTESTCD" else ""
            words = "a test below" if v.name == "LBTESTCD" else words
            kind = f"{v.type} or range" if v.range else v.type
            rows.append((f"`{v.name}`", v.label, kind, v.unit or "", words, "yes" if v.anchor else ""))
        out += [f"#### {domain}: {_DOMAIN_LABELS[domain]}", ""]
        out += [*table(("variable", "meaning", "type", "unit", "terms", "anchor"), rows), ""]
    return out[:-1]


_DOMAIN_LABELS = {
    "DM": "demographics (statements about a subject)",
    "MH": "history: diagnosis, earlier lines, baseline findings",
    "CM": "other treatment: support, and anticancer therapy after the index treatment",
    "EX": "doses of the index treatment",
    "PR": "procedures: transplantation",
    "LB": "laboratory results",
    "RS": "marrow and response assessments, MRD",
    "AE": "adverse events",
    "FA": "further findings about an event",
    "SS": "state: relapse, last contact, death (statements about a subject)",
}


def laboratory() -> list[str]:
    """The laboratory tests with standard and accepted units."""
    from chartline.mapping.units import X_ULN, known_units

    with (files("chartline") / "vocabulary" / "tests.csv").open(encoding="utf-8", newline="") as f:
        tests = list(csv.DictReader(f))
    rows = []
    for t in tests:
        accepted = ", ".join(f"`{u}`" for u in known_units(t["unit"], t["testcd"]))
        accepted += f", `{X_ULN}`" if t["unit"] in ("U/L", "umol/L") else ""
        plausible = f"{t['plausible_low']} to {t['plausible_high']}"
        usual = {"L": "low", "H": "high", "LH": "low, high"}[t["usual"]]
        rows.append((f"`{t['testcd']}`", t["label"], t["loinc"], f"`{t['unit']}`", plausible, usual, accepted))
    return table(("code", "test", "LOINC", "standard unit", "plausible", "graded as", "units understood"), rows)


def units() -> list[str]:
    """Accepted units of other numbers."""
    from chartline.core.clinical import variables
    from chartline.mapping.units import known_units

    standard = dict.fromkeys(
        v.unit for of in variables().values() for v in of.values() if v.unit and v.type == "number"
    )
    rows = [(f"`{u}`", ", ".join(f"`{k}`" for k in known_units(u))) for u in standard if not u.startswith("(")]
    return table(("standard unit", "units understood"), rows)


def cell_queries() -> list[str]:
    """The queries of single cells that do not fit their declaration."""
    from chartline.mapping.problems import _SENTENCES

    rows = [(f"`{rule}`", _example_message(message), ask) for rule, (message, ask) in _SENTENCES.items()]
    return table(("rule", "says", "asks"), rows)


def _example_message(message: str) -> str:
    return message.format(what="*variable*", saw="*cell*", hint="")


def captured(example: str) -> list[str]:
    """The forms that the protocol of an example asks for, with their items."""
    from chartline.capture.ask import capture_of
    from chartline.protocol.load import load_protocol

    forms = capture_of(load_protocol(HERE.parent / "examples" / example)).forms
    rows = [(f.label, f.each, f.when, "; ".join(i.heading.replace("*", "\\*") for i in f.items)) for f in forms]
    return table(("form", "one row for", "when", "items (\\* must be filled)"), rows)


def commands() -> list[str]:
    """The help of every command, as the terminal shows it at 100 columns."""
    import typer
    from typer.testing import CliRunner

    from chartline.cli import app

    out: list[str] = []
    for words in _commands_below(typer.main.get_command(app)):
        done = CliRunner().invoke(
            app, [*words, "--help"], prog_name="chartline", env={"COLUMNS": "100", "TERM": "dumb"}
        )
        title = " ".join(["chartline", *words])
        out += [
            f"## `{title}`",
            "",
            "```text",
            *(line.rstrip() for line in done.output.strip().splitlines()),
            "```",
            "",
        ]
    return out[:-1]


def _commands_below(command: Any, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of a command and of every command below it, in the order of its help."""
    below = getattr(command, "commands", {})
    names = command.list_commands(None) if below else []
    return [words, *(w for name in names for w in _commands_below(below[name], (*words, name)))]


def answer_words() -> list[str]:
    """What a centre can answer, and what follows."""
    from chartline.queries.words import MEANING

    return table(("answer", "what it says, and what follows"), [(f"`{a.value}`", text) for a, text in MEANING.items()])


def query_states() -> list[str]:
    """Every state of a query."""
    from chartline.state.standing import MEANING

    return table(("state", "meaning"), [(f"`{s.value}`", text) for s, text in MEANING.items()])


def log_events() -> list[str]:
    """Every event of the log."""
    from chartline.state.log import MEANING

    return table(("event", "what happened"), [(f"`{e.value}`", text) for e, text in MEANING.items()])


def exit_codes() -> list[str]:
    """Every expected failure and its exit code."""
    from chartline import errors

    kinds = [t for t in vars(errors).values() if isinstance(t, type) and issubclass(t, errors.StudyError)]
    kinds = [t for t in kinds if t is not errors.StudyError]
    rows = [("0", "", "done")]
    rows += [
        (str(t.exit_code), f"`{t.__name__}`", " ".join((t.__doc__ or "").split()))
        for t in sorted(kinds, key=lambda t: t.exit_code)
    ]
    return table(("code", "error", "meaning"), [*rows, ("1", "", "a bug, or a request that no other code fits")])


_DIRECTIVES: dict[str, Callable[..., list[str]]] = {
    f.__name__: f
    for f in (
        *(adsl_variables, endpoints, criteria, mrd_definitions, syndromes, grading, checks, severities, statistics),
        *(domains, laboratory, treatment_variables, schedules, units, cell_queries, commands, exit_codes, assertions),
        *(answer_words, query_states, log_events, captured, event_tables),
    )
}


def main() -> None:
    for name in PAGES:
        (HERE / f"{name}.md").write_text(page(name), encoding="utf-8")
    pages, home = rule_pages(), HERE / "rules"
    for path in set(home.rglob("*.md")) - {home / p for p in pages}:
        path.unlink()
    for where, text in pages.items():
        (home / where).parent.mkdir(parents=True, exist_ok=True)
        (home / where).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
