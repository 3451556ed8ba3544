"""How `--help` looks: the verbs in the order of the work, and examples that can be copied from the terminal."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

SECTIONS: dict[str, tuple[str, ...]] = {
    "Charts": ("template", "redcap-dictionary", "redcap", "deidentify", "concepts", "draft", "check"),
    "Questions to the centres": ("queries", "log", "lock", "unlock"),
    "Results": ("run", "multiverse", "explain", "timeline", "quality", "diff", "export"),
    "Tools": ("verify", "simulate", "schema"),
}
_AS_IT_IS = "\b\n"  # before a paragraph whose lines are not to be wrapped
_ORDER = [verb for verbs in SECTIONS.values() for verb in verbs]
_LAST = list(SECTIONS)[-1]  # where a verb stands that no section names


def examples(*commands: str) -> str:
    """Return an epilog with a line a command."""
    return _AS_IT_IS + "\n".join(["Example:" if len(commands) == 1 else "Examples:", *(f"  {c}" for c in commands)])


class Verbs(TyperGroup):
    """The commands of an application or of one of its groups."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is not None and found.help and _AS_IT_IS not in found.help:
            words, _, told = found.help.partition("\n\nExample")  # `Example: ...` or `Examples: ... | ...`
            if told:
                commands = " ".join(told.partition(": ")[2].split()).split(" | ")
                found.help = f"{words}\n\n{examples(*commands)}"
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        below = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        sections = {"Commands": list(below)} if ctx.parent is not None else _sections(list(below))
        widest = max(map(len, below))
        for title, names in sections.items():
            with formatter.section(title):
                formatter.write_dl([(n.ljust(widest), below[n].get_short_help_str(500)) for n in names])


def _sections(verbs: list[str]) -> dict[str, list[str]]:
    """Return the verbs of each section; one that no section names stands in the last."""
    sections = {title: [v for v in named if v in verbs] for title, named in SECTIONS.items()}
    sections[_LAST] += [v for v in verbs if v not in _ORDER]
    return sections
