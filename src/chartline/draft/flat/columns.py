"""The columns of a flat table -> proposals. In: a table, its headings, its profiles. Out: columns with their meaning.

Four things decide, in this order: the words of the heading; whether the values are of the kind the variable has; the
context (what sheet, group and neighbours are about), which decides between equal words; and, for coded variables,
whether the vocabulary knows the values. Columns of one repeated group (`C1 ..` to `C6 ..`) are read together and mean
the same. Two columns of a group cannot mean the same thing: the better one has it, the other is asked about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from chartline.core.identifiers import Kind, find_identifier
from chartline.draft.codes import Codes, type_of
from chartline.draft.flat.confidence import NO_VALUE, SIGNED, Candidate, by_words
from chartline.draft.flat.headings import Head, take_apart, without_modifiers
from chartline.draft.flat.model import FlatTable
from chartline.draft.flat.values import kind_fit, unit_fit
from chartline.draft.known import Known
from chartline.draft.model import IDENTIFIER, Column, Proposal, Target
from chartline.draft.study import Study
from chartline.draft.words import DRUG
from chartline.mapping import units

_LEAST = 0.42  # words that fit less are not mentioned
_SAID = 0.85  # words that fit so well name something
_WEIGHT_CONTEXT, _WEIGHT_VALUES = 0.15, 0.10
_NEEDS_COMPANY = frozenset({"MH PRIOR LINE", "CM", "AE", "EX"})  # contexts that one column alone does not make


def propose(table: FlatTable, study: Study, codes: Codes, known: Known, subject: str | None) -> None:
    """Give every column of a flat table its role and proposals, in place."""
    _Proposer(table, study, codes, known).run(subject)


class _Proposer:
    def __init__(self, table: FlatTable, study: Study, codes: Codes, known: Known) -> None:
        self.table, self.study, self.codes, self.known = table, study, codes, known
        self.words = study.words
        self._named: dict[str, float] = {}
        heads = take_apart([c.heading for c in table.columns], self.words)
        table.heads = {c.name: h for c, h in zip(table.columns, heads, strict=True)}
        for name, unit in table.stated_units.items():
            if name in table.heads and not table.heads[name].unit:
                table.heads[name].unit = unit

    def run(self, subject: str | None) -> None:
        columns = [c for c in self.table.columns if not self._settled(c, subject)]
        together: dict[str, list[Column]] = defaultdict(list)
        for c in columns:
            together[self.table.heads[c.name].template or c.heading].append(c)
        found = {key: self._candidates(group) for key, group in together.items()}
        groups: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for key, group in together.items():
            head = self.table.heads[group[0].name]
            groups[head.stem, "repeat" in head.modifiers].append(key)
        for (stem, _), keys in groups.items():
            weights = self._contexts(stem, keys, together, found)
            self._decide(keys, together, found, weights)

    # columns that need no thought -----------------------------------------------------------------------------------

    def _settled(self, c: Column, subject: str | None) -> bool:
        if c.name == subject:
            return True
        who = find_identifier(c.heading, c.profile.values[:50]) or (
            find_identifier(c.name, c.profile.values[:50]) if c.name != c.heading else None
        )
        links = who is not None and who.kind is Kind.SUBJECT  # a number of the study is no direct identifier
        if who is not None and not links and not ("heading" in who.reason and self._is_study_word(c)):
            c.ignore(f"{IDENTIFIER}: {who.reason}", who.confidence)
            return True
        words = self.words.canonical(c.heading)
        if words in self.words.marks["row_number"] and c.profile.kind in ("number", "empty", "id"):
            c.ignore("a row number", 0.85)
            return True
        if c.name.startswith("redcap_"):
            c.ignore("keys of REDCap", 0.95)
            return True
        if c.name.endswith(("_complete", "_timestamp")) and c.name.startswith(c.table):
            c.ignore("state of the form", 0.95)
            return True
        return False

    def _is_study_word(self, c: Column) -> bool:
        """`Drug name` and `Test name` name no person: a phrase of the vocabulary is no identifier."""
        return self.words.fits_exactly(c.heading) and c.profile.kind != "id"

    # candidates -----------------------------------------------------------------------------------------------------

    def _candidates(self, group: list[Column]) -> list[Candidate]:
        """Return what the columns of one template may mean, the best words first."""
        head = self.table.heads[group[0].name]
        fits = self._fits(head, group[0])
        out: list[Candidate] = []
        for target, (fit, phrase, modifiers) in fits.items():
            target = _limit(target, modifiers)
            values = min(self._values_fit(target, head, c) for c in group)
            recognised = max(self._recognised(target, c) for c in group)
            out.append(Candidate(target, fit, values, recognised, phrase, modifiers))
        return [c for c in out if c.fit >= _LEAST * 0.8]

    def _fits(self, head: Head, column: Column) -> dict[Target, tuple[float, str, frozenset[str]]]:
        out: dict[Target, tuple[float, str, frozenset[str]]] = {}

        def add(words: tuple[str, ...], modifiers: frozenset[str], factor: float) -> None:
            for target, (fit, phrase) in self.words.fits(words).items():
                if fit * factor > out.get(target, (0.0,))[0]:
                    out[target] = (fit * factor, phrase, modifiers)

        for words in (head.words, *head.alternatives):
            add(words, frozenset(), 1.0)
        box = self.table.box.get(column.name)
        if box:
            add(self.words.canonical(box), frozenset(), 0.98)
            asked = self.words.canonical(column.heading.removesuffix(f": {box}"))
            sites = {t: f for t, f in self.words.fits(asked).items() if _many(t)}
            out |= {t: (fit * 0.95, phrase, frozenset()) for t, (fit, phrase) in sites.items()}
        stripped = without_modifiers(head, self.words)
        if head.modifiers and stripped and stripped != head.words:
            add(stripped, head.modifiers, 0.98)
        if column.name != column.heading:
            add(self.words.canonical(column.name), frozenset(), 0.8)
        return {t: f for t, f in out.items() if f[0] >= _LEAST}

    def _values_fit(self, target: Target, head: Head, c: Column) -> float:
        """Return how well the values of a column are of the kind a target has, from 0 to 1."""
        p = c.profile
        if c.name in self.table.box:
            return 1.0 if type_of(target) == "flag" or target.domain == "FA" or target.item == "EMD SITE" else 0.4
        if target.variable == "LBORRESU":
            return 1.0 if sum(units.is_known(v) for v in p.values) >= 0.5 * len(p.values) else 0.3
        unit = unit_fit(target, head.unit)
        return unit * kind_fit(target, p, self._recognised(target, c), self.words.kinds.get(target, ""))

    def _recognised(self, target: Target, c: Column) -> float:
        if not self.codes.coded(target) or c.profile.kind == "date" or not c.profile.counts:
            return 0.0
        return self.codes.recognised(target, c.profile.counts, self.table.choices.get(c.name))

    # context --------------------------------------------------------------------------------------------------------

    def _contexts(
        self,
        stem: str,
        keys: Sequence[str],
        together: Mapping[str, list[Column]],
        found: Mapping[str, list[Candidate]],
    ) -> dict[str, float]:
        """Return context -> how much a group of columns is about it, from 0 to 1."""
        named = self.words.context_of(stem) if stem and not stem.startswith(("cycle", "n")) else {}
        if {"cycle", "day"} <= set(stem.split()):
            named = {"EX": 1.0}
        if "line" in stem.split():
            named = {"MH PRIOR LINE": 1.0}
        if not stem:
            named = self.words.context_of(self.table.name)
        self._named = named
        evidence: dict[str, float] = defaultdict(float)
        for key in keys:
            contexts = {c.target.context for c in found[key] if c.fit >= 0.85}
            for context in contexts:
                evidence[context] += 1 / len(contexts)
        most = max(evidence.values(), default=0.0)
        out = {k: 0.8 * v / most for k, v in evidence.items()} if most else {}
        for context, weight in named.items():
            out[context] = max(out.get(context, 0.0), weight)
        return out

    def _decide(
        self,
        keys: Sequence[str],
        together: Mapping[str, list[Column]],
        found: Mapping[str, list[Candidate]],
        weights: Mapping[str, float],
    ) -> None:
        ranked: dict[str, list[Candidate]] = {}
        reused: dict[str, tuple[Target, str] | None] = {}
        for key in keys:
            column = together[key][0]
            title = self.words.context_of(self.table.titles.get(column.name, ""))
            signed = self._signed(column, weights, title)
            found_here = [c for c in found[key] if self._possible(c, found[key], weights, title, keys, found)]
            for c in found_here:
                weight = max(weights.get(c.target.context, 0.0), title.get(c.target.context, 0.0))
                c.score = c.fit + _WEIGHT_CONTEXT * weight + _WEIGHT_VALUES * c.recognised
                if signed and c.target == signed[0]:
                    c.score += 0.1
            ranked[key] = sorted(found_here, key=lambda c: -c.score)
            reused[key] = signed
        taken: dict[tuple[Target, frozenset[str], str], str] = {}
        for key in sorted(keys, key=lambda k: -(ranked[k][0].score if ranked[k] else 0)):
            self._settle(together[key], ranked[key], reused[key], taken)

    def _signed(
        self, column: Column, weights: Mapping[str, float], title: Mapping[str, float]
    ) -> tuple[Target, str] | None:
        """Return what was signed for the heading of another centre's column, and for whom. `Remarks` beside doses says
        nothing of `Remarks` beside patients: what a row of its own is about must be what these columns are about."""
        signed = self.known.target_of(self.words.canonical(column.heading))
        if signed is None or signed[0].context not in _NEEDS_COMPANY:
            return signed
        here = max(weights.get(signed[0].context, 0.0), title.get(signed[0].context, 0.0))
        return signed if here >= max(weights.values(), default=0.0) else None

    def _possible(
        self,
        c: Candidate,
        rivals: Sequence[Candidate],
        weights: Mapping[str, float],
        title: Mapping[str, float],
        keys: Sequence[str],
        found: Mapping[str, list[Candidate]],
    ) -> bool:
        """Whether a target can stand here at all: limits need a sheet of limits; `bilirubin` is an item of VOD only on
        a form, in a group or under a heading of VOD."""
        if c.target.domain == "RANGE":
            there = {o.target.variable for key in keys for o in found[key] if o.fit >= 0.85}
            return "TESTCD" in there and bool(there & {"LO", "HI"})
        if c.target.context == "EX" and DRUG in c.phrase.split():
            return True
        if c.target.context in _NEEDS_COMPANY and not title.get(c.target.context):
            company = sum(any(o.target.context == c.target.context and o.fit >= 0.85 for o in found[k]) for k in keys)
            named = self._named.get(c.target.context, 0.0)
            if company < 2 and named < 0.5:  # `Protocol` alone is no line of therapy
                return False
        if c.target.domain == "FA" and any(o.target.context != "FA" and o.fit >= 0.85 for o in rivals):
            most = max(weights.values(), default=0.0)
            return "vod" in c.phrase or title.get("FA", 0) > 0.5 or 0 < most <= weights.get("FA", 0.0)
        return True

    def _settle(
        self,
        group: list[Column],
        ranked: list[Candidate],
        signed: tuple[Target, str] | None,
        taken: dict[tuple[Target, frozenset[str], str], str],
    ) -> None:
        head = self.table.heads[group[0].name]
        free = [c for c in ranked if (c.target, c.modifiers, head.stem) not in taken or _many(c.target)]
        if not free:
            why = "no word of the heading is known"
            said = max(self._fits(head, group[0]).values(), default=(0.0, "", frozenset()))
            if said[0] >= _SAID:
                why = f"the heading is `{said[1]}`, but neither its values nor the columns around it are of that kind"
            if ranked:
                other = taken[ranked[0].target, ranked[0].modifiers, head.stem]
                why = f"would be {ranked[0].target.said}, which column `{other}` is"
            for c in group:
                c.role, c.reason, c.confidence = "open", why, 0.3 if ranked else 0.0
            return
        best = free[0]
        confidence, why = by_words(best, free[1:], self.words.also)
        if best is not ranked[0]:
            confidence, why = min(confidence, 0.55), f"{why}; {ranked[0].target.said} is another column"
        if signed and signed[0] == best.target:
            confidence, why = max(confidence, SIGNED), f"as {signed[1]}"
        taken[best.target, best.modifiers, head.stem] = group[0].heading
        for c in group:
            sure = min(confidence, NO_VALUE) if c.profile.kind == "empty" else confidence
            targets = [best.target, *([self.words.also[best.target]] if best.target in self.words.also else [])]
            c.role, c.reason, c.confidence = "value", why, sure
            c.proposals = [Proposal(t, sure, why) for t in targets]
            self.table.heads[c.name].modifiers = best.modifiers | (head.modifiers & {"baseline", "repeat"})


def _limit(target: Target, modifiers: frozenset[str]) -> Target:
    """`LLN HB` is not a result of HB but its lower limit."""
    if target.variable == "LBORRES" and target.item and "lln" in modifiers:
        return target._replace(variable="LBSTNRLO")
    if target.variable == "LBORRES" and target.item and "uln" in modifiers:
        return target._replace(variable="LBSTNRHI")
    return target


def _many(target: Target) -> bool:
    """Sites of extramedullary disease may stand in several columns, one a site."""
    return target.item == "EMD SITE"
