"""The code lists of a mapping: the words of a column, translated, in one list for every target that has the same.

In: the different values of a column and its target. Out: the name of the code list that holds them; each word, and
each question about one, in the draft.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chartline.draft.centre import Centre
from chartline.draft.model import Coded, Column, Target


def code_list(c: Column, target: Target, centre: Centre, labels: Mapping[str, str] | None) -> str:
    """Translate the words of a column and return the name of the code list that holds them; "" where none does."""
    values = {v: n for v, n in c.profile.counts.items()}
    if not values and not labels:
        closed = centre.codes.closed(target)
        values = dict.fromkeys(closed or (), 0)
    words = centre.codes.translate(target, values, labels)
    centre.draft.coded.append(Coded(c.table, c.name, target, words))
    for w in words:
        if not w.sure and w.count:
            asked = f"what does `{w.word}` mean ({w.count} cell{'s' * (w.count > 1)})? {w.reason}"
            centre.draft.ask(c.table, c.name, asked, w.term)
    sure: dict[str, list[str]] = {}
    for w in words:
        if w.sure:
            sure.setdefault(w.term, []).append(w.word)
    as_they_stand = all(w == term for term, ws in sure.items() for w in ws)
    if not sure or (as_they_stand and target.variable in ("LBTESTCD", "TESTCD", "CMCAT")):
        return ""
    return put_list(list_name(target, centre), sure, centre.lists)


def list_name(target: Target, centre: Centre) -> str:
    """Return what a code list of a target is called."""
    if centre.codes.closed(target) == ("Y", "N"):
        return "yes_no" if target.variable != "DTHFL" else "dead"
    own = {"INVRESP": "response", "MRDCLASS": "mrd", "MHBESTRSP": "best_response", "RELTYPE": "relapse_site"}
    name = own.get(target.variable, target.item if target.domain == "MH" else target.variable)
    return re.sub(r"\W+", "_", name.lower())


def put_list(name: str, words: dict[str, list[str]], lists: dict[str, dict[str, list[str]]]) -> str:
    """Add words to the code list of that name, or to another where one of them already means something else."""
    for n in range(1, 100):
        key = name if n == 1 else f"{name}_{n}"
        there = lists.setdefault(key, {})
        meant = {w.strip().lower(): t for t, ws in there.items() for w in ws}
        if any(meant.get(w.strip().lower(), t) != t for t, ws in words.items() for w in ws):
            continue
        for term, ws in words.items():
            have = there.setdefault(term, [])
            have += [w for w in ws if w.strip().lower() not in {x.strip().lower() for x in have}]
        return key
    raise AssertionError("a hundred code lists of one name")
