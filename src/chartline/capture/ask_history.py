"""The history: baseline characteristics, the index event and earlier lines of therapy."""

from __future__ import annotations

from dataclasses import replace

from chartline.capture.model import Choice, Item, ItemType
from chartline.capture.study import Asked
from chartline.capture.words import YES_NO
from chartline.core.clinical import variables
from chartline.core.condition import parse_condition
from chartline.protocol.model import Protocol
from chartline.protocol.names import level_label, level_words
from chartline.protocol.reporting import Characteristic

_TYPES: dict[str, ItemType] = {"number": "number", "integer": "integer", "date": "date", "flag": "choice"}
_TERMS = ("PR", "SD", "NR", "PD")  # best responses to a line that are no remission


def ask_history(study: Asked) -> None:
    """One item a characteristic that is read from DM or MH, and the day of the index event."""
    if study.p.index is not None and study.p.index.source == "MH":
        label = f"Date of {study.p.index.label}"
        why = (f"Day 0 is the {study.p.index.label}",)
        item = Item("index_date", label, "date", why, required=True)
        _ask_mh(study, item, "MHSTDTC", study.p.index.where, label)
    for name, c in study.p.characteristics.items():
        if c.source == "DM":
            _ask_dm(study, name, c)
        elif c.source == "MH" and c.take in ("first", "last"):
            _ask_mh(study, _item(study, name, c), c.value, c.where, c.label)


def _ask_dm(study: Asked, name: str, c: Characteristic) -> None:
    form = study.form("patient")
    asked = study.question(c.value, study.why(name) or (c.label,))
    form.record("DM", {}, {c.value: form.ask(replace(asked, label=c.label, required=_required(study.p, name)))})


def _ask_mh(study: Asked, item: Item, variable: str, where: str | None, label: str) -> None:
    """Ask for one value of the row of MH that the condition fixes; where it fixes no single row, as free history."""
    fixed = study.fixed(where)
    if "MHCAT" not in fixed or set(study.names_in(where)) != set(fixed):
        _ask_more_history(study, where, item.why)
        return
    form = study.form("history")
    constants = fixed if variable == "MHTERM" or "MHTERM" in fixed else fixed | {"MHTERM": label}
    if item.unit and variable == "MHORRES":
        constants = constants | {"MHORRESU": item.unit}
    for i, r in enumerate(form.records):  # another value of the same row: its own label gives way
        if r.domain == "MH" and _row(r.constants) == fixed and variable not in r.items:
            items = {**r.items, variable: form.ask(item)}
            both = {n: v for n, v in (r.constants | constants).items() if n not in items}
            form.records[i] = replace(r, constants=both, items=items, anchor=tuple(items))
            return
    form.record("MH", constants, {variable: form.ask(item)})
    form.records[-1] = replace(form.records[-1], anchor=(variable,))


def _row(constants: dict[str, str]) -> dict[str, str]:
    return {n: v for n, v in constants.items() if n not in ("MHTERM", "MHORRESU")}


def _ask_more_history(study: Asked, where: str | None, why: tuple[str, ...]) -> None:
    """Rows that the protocol picks by a condition of its own: category, term, finding and date are written down."""
    form = study.form("more_history")
    choices = tuple(Choice(w, level_words(w)) for w in study.words(where, "MHCAT"))
    if "mhcat" not in form.items:
        kind: ItemType = "choice" if choices else "text"
        items = {
            "MHCAT": Item("mhcat", "Category", kind, why, choices=choices, other=True, required=True),
            "MHTERM": Item("mhterm", "What", "text", why),
            "MHORRES": Item("mhorres", "Finding", "text", why),
            "MHSTDTC": Item("mhdate", "Date", "date", why, partial=True),
        }
        form.record("MH", {}, {v: form.ask(i) for v, i in items.items()})
        return
    for name, item in form.items.items():  # further categories of the same list
        more = tuple(c for c in choices if name == "mhcat" and c not in item.choices)
        kind = "choice" if item.choices or more else item.type
        said = tuple(dict.fromkeys((*item.why, *why)))
        form.items[name] = replace(item, type=kind, choices=(*item.choices, *more), why=said)


def _item(study: Asked, name: str, c: Characteristic) -> Item:
    """The question for a characteristic: a list where the protocol names its words, else what its type says."""
    why = study.why(name) or (f"Characteristic: {c.label}",)
    number = bool(c.groups)
    type_ = "number" if number else _TYPES.get(c.type, "text")
    choices: tuple[Choice, ...] = YES_NO if c.type == "flag" else ()
    if type_ == "text":
        words = c.categories or _compared(study.p, name)
        choices = tuple(Choice(w, level_label(study.p, name, w)) for w in words)
        type_ = "choice" if choices else "text"
    low, high = _range(c, type_)
    # A characteristic that decides on eligibility has other answers than those that are counted later.
    other = c.type == "text" and bool(choices) and (not c.categories or _decides(study.p, name))
    unit = c.unit if type_ in ("number", "integer") else ""
    return Item(
        f"mh_{name}" if _is_variable(name) else name.lower(),
        c.label,
        type_,
        why,
        unit=unit,
        low=low,
        high=high,
        choices=_told_apart(choices),
        other=other,
        required=_required(study.p, name),
        partial=type_ == "date",
    )


def _told_apart(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Two terms of one label get their term beside it."""
    seen = [" ".join(c.label.split()).lower() for c in choices]
    return tuple(
        Choice(c.term, f"{c.label} ({c.term})") if seen.count(s) > 1 else c for c, s in zip(choices, seen, strict=True)
    )


def _range(c: Characteristic, type_: str) -> tuple[float | None, float | None]:
    if type_ not in ("number", "integer"):
        return None, None
    if c.unit == "%":
        return 0, 100
    counted = type_ == "integer" or c.unit in ("days", "weeks", "months", "years", "m2")
    return (0 if counted else None), None


def _compared(p: Protocol, name: str) -> tuple[str, ...]:
    """The words that conditions of the protocol compare a characteristic with."""
    conditions = [c.require for c in p.eligibility] + [s.where for s in p.sets.values()]
    conditions += [text for a in p.analyses if (text := getattr(a, "numerator", None))]
    found = (str(v) for t in conditions for n, v in parse_condition(t).comparisons if n == name and isinstance(v, str))
    return tuple(dict.fromkeys(found))


def _decides(p: Protocol, name: str) -> bool:
    return any(name in parse_condition(c.require).variables for c in p.eligibility)


def _required(p: Protocol, name: str) -> bool:
    return _decides(p, name) or name in p.duplicates.match


def _is_variable(name: str) -> bool:
    return any(name in of for of in variables().values())


def ask_prior_lines(study: Asked) -> None:
    """One row an earlier line of therapy."""
    prior = study.p.prior_therapy
    if prior is None:
        return
    form, why = study.form("prior_lines"), ("Number of earlier lines, and whether one brought a remission",)
    agents = tuple(f"{a.label} ({', '.join(a.words)})" for a in prior.agents.values())
    told = f"Name every drug. Looked for: {'; '.join(agents)}." if agents else "Name every drug."
    regimen = Item("regimen", "Treatment", "text", (*why, *(f"Earlier treatment: {a}" for a in agents)), told)
    fixed = study.fixed(prior.lines.where)
    kind = "MHCAT" if prior.lines.source == "MH" else "CMCAT"
    several = study.words(prior.lines.where, kind)
    if len(several) > 1:
        choices = tuple(Choice(w, level_words(w)) for w in several)
        fixed_item = {kind: form.ask(Item("line_kind", "Kind of line", "choice", why, choices=choices, required=True))}
    else:
        fixed_item = {}
    if prior.lines.source == "CM":
        start = replace(study.question("CMSTDTC", why), name="line_start", label="Start date")
        end = replace(study.question("CMENDTC", why), name="line_end", label="End date")
        names = {**fixed_item, "CMTRT": form.ask(regimen), "CMSTDTC": form.ask(start), "CMENDTC": form.ask(end)}
        form.record("CM", fixed, names)
        return
    responses = tuple(dict.fromkeys((*prior.remission, *_TERMS)))
    best = replace(
        study.question("MHBESTRSP", why, required=True),
        type="choice",
        choices=tuple(Choice(r, _response_label(r)) for r in responses),
    )
    names = {
        **fixed_item,
        "MHSEQN": form.ask(study.question("MHSEQN", why, required=True)),
        "MHTERM": form.ask(regimen),
        "MHSTDTC": form.ask(study.question("MHSTDTC", why)),
        "MHENDTC": form.ask(study.question("MHENDTC", why)),
        "MHBESTRSP": form.ask(best),
    }
    form.record("MH", fixed, names)
    form.records[-1] = replace(form.records[-1], anchor=("MHTERM", "MHSEQN"))


def _response_label(term: str) -> str:
    from chartline.capture.words import term_labels

    known = {c.term: c.label for c in term_labels()["RS", "INVRESP"]}
    return known.get(term, level_words(term))
