"""A result's group and name in the words of its protocol: labels, never codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chartline.protocol.names import MRD_WINDOWS, adsl_labels, event_words, level_label
from chartline.results.model import Result

if TYPE_CHECKING:
    from chartline.protocol.model import Protocol

_EVENTS = ("CAUSE", "STATE", "FROM", "TO")  # keys of groups whose level is an event or state
_PLAIN = ("OF", "CASE", "DATES", "STRATEGY", "LANDMARK", "N", "DEFINITION")  # whose level is said as it is


def group_words(p: Protocol, group: str) -> str:
    """Return a group as readers see it: "relapse", "Disease status: Refractory", "" for everyone."""
    return ", ".join(_part(p, *part.split("=", 1)) for part in group.split(";") if "=" in part)


def title_in(p: Protocol, result: Result) -> str:
    """Return a result's name with its group: "Relapse at 12 months: relapse"."""
    words = group_words(p, result.group)
    return f"{result.title}: {words}" if words else result.title


def _part(p: Protocol, name: str, level: str) -> str:
    if name == "TERM":
        variable, _, of = level.partition("=")
        label = adsl_labels(p).get(variable, variable)
        return f"{label}: {level_label(p, variable, of)}" if of else label
    if name == "WINDOW":
        return MRD_WINDOWS[level].format(cycle=p.mrd.deep_by_cycle)
    if name in _EVENTS:
        return event_words(level, p)
    if name == "WITHOUT":
        return f"without {level_label(p, 'SITEID', level)}"
    return level.replace("_", " ") if name in _PLAIN else level_label(p, name, level)
