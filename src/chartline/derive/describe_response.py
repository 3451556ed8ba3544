"""When blood counts proved recovery, as the methods section says it.

In: the protocol's choice of a response rule set. Out: English sentences with the days that were used, and the rule
set's own where the protocol set others.
"""

from __future__ import annotations

from chartline.core.sentences import counted, joined
from chartline.derive.response_counts import TESTS
from chartline.derive.response_rules import CountRule, ResponseRules, counts_window_of, free_days_of, load_rules
from chartline.protocol.response import Response


def recovery_sentences(choice: Response) -> str:
    """Return when a count proved recovery, for the main list of counts; "" where the rule set asks for no counts."""
    window = counts_window_of(choice)
    if window is None:
        return ""
    rules = load_rules(choice.criteria)
    one = "" if window == (0, 0) else "on one day "
    said = f"Blood counts proved recovery if seen {one}{_window(window)} the marrow{_without(rules, choice)}."
    return " ".join([said, *_set_by_protocol(rules, choice)])


def _window(days: tuple[int, int]) -> str:
    """The days before `the marrow`."""
    first, last = days
    if first == last == 0:
        return "on the day of"
    if first < 0 < last:
        return f"from {_days(-first)} before to {_days(last)} after"
    if first < 0:
        return f"within {_days(-first)} before" if last == 0 else f"from {_days(-first)} to {_days(-last)} before"
    return f"within {_days(last)} after" if first == 0 else f"from {first} to {_days(last)} after"


def _without(rules: ResponseRules, choice: Response) -> str:
    """`, without G-CSF (neutrophils) or platelet transfusion (platelets) in the 7 days before`."""
    by_days: dict[int, list[str]] = {}
    for rule in next(iter(rules.counts.values())):
        if rule.without:
            support = rules.support[rule.without]
            of = f" ({TESTS[rule.test]})" if isinstance(rule, CountRule) else ""
            by_days.setdefault(free_days_of(choice, support), []).append(f"{support.label}{of}")
    parts = [f"{joined(names, 'or')} in the {_days(n)} before" for n, names in by_days.items()]
    return f", without {joined(parts, 'or')}" if parts else ""


def _set_by_protocol(rules: ResponseRules, choice: Response) -> list[str]:
    """What the protocol set to other days than those of the rule set."""
    out = []
    own, window = rules.counts_window, counts_window_of(choice)
    if own and window != own.days:
        out.append(f"The protocol set this window; that of the rule set is {_window(own.days)} the marrow.")
    days = {s.label: s.free_days for s in rules.support.values() if free_days_of(choice, s) != s.free_days}
    if days:
        listed = ", ".join(f"{_days(n)} for {label}" for label, n in days.items())
        out.append(f"The protocol set the days without support; the rule set has {listed}.")
    return out


def _days(n: int) -> str:
    return counted(n, "day")
