"""A data check that a study, or a centre, writes itself in the condition language.

In: YAML, in the protocol (for every centre) or in a mapping (for that centre). Out: frozen models whose conditions are
known to be readable; `checks/own.py` runs them. A condition may name

    every variable of its domain          LBSTRESN, LBTESTCD, LBDTC ...
    what is stated of the subject         the variables of DM and SS: SEX, BRTHDTC, DTHDTC, LKADTC ...
    CENTRE                                the id of the centre
    TRTSDT                                the day of the first dose, or of the index event
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from chartline.core.clinical import variables
from chartline.core.condition import Condition, parse_condition
from chartline.core.faults import Shape
from chartline.core.query import Severity, Topic
from chartline.errors import ProtocolError
from chartline.protocol.base import Declared
from chartline.protocol.literals import EXPECTED, fits

DAY0 = "TRTSDT"
STATED = ("DM", "SS")  # domains of statements: one value a subject
_KINDS = {"number": "number", "integer": "number", "date": "date", "flag": "flag"}
_NAMED = re.compile(r"\{(\w+)\}")

CHECK_ID = Shape(
    r"^[a-z][a-z0-9_]*$", "a name of a check", "a small letter, then small letters, digits or _", "hb_in_g_per_l"
)


class OwnCheck(Declared):
    """A rule of the study, or of one centre."""

    id: Annotated[str, CHECK_ID] = Field(
        description="Name of the check, as queries show it.", examples=["hb_in_g_per_l"]
    )
    domain: str = Field(description="The domain whose records it looks at.", examples=["LB"])
    where: str = Field(
        "",
        description="Condition: which records it speaks of; all if not given.",
        examples=["LBTESTCD == 'HB' and LBORRESU == 'g/L'"],
    )
    expect: str = Field(
        description="Condition: what holds of them. Where it is false there is a query; where it is unknown (a value "
        "is missing, a date is partial, a number is only a bound) there is none.",
        examples=["LBSTRESN >= 40"],
    )
    says: str = Field(
        min_length=1,
        description="What is wrong, one sentence; `{VARIABLE}` is replaced by what is recorded.",
        examples=["Haemoglobin of {LBSTRESN} looks like g/dL."],
    )
    asks: str = Field(
        "Please check these values and give what is right.",
        description="What the centre is asked.",
        examples=["Please give the unit of haemoglobin."],
    )
    severity: Severity = Field(
        Severity.WARN, description="`block`, `warn` or `note`; see the severities of queries.", examples=["warn"]
    )
    topics: tuple[Topic, ...] = Field(
        (),
        description="What is in doubt while it is not answered. A check that blocks must say so.",
        examples=[["blood_counts"]],
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> OwnCheck:
        if self.domain not in variables():
            raise ValueError(f"there is no domain `{self.domain}`; known: {', '.join(variables())}")
        for key, text in (("where", self.where), ("expect", self.expect)):
            if text or key == "expect":
                self._check(key, text)
        for name in self.named:
            if name not in self.kinds:
                raise ValueError(f"`says` names {{{name}}}, which is no variable of {self.domain} and not stated")
        if self.severity is Severity.BLOCK and not self.topics:
            raise ValueError("a check that blocks needs `topics`: what is withheld until it is answered")
        return self

    @property
    def kinds(self) -> dict[str, str]:
        """The variables that its conditions may name -> number, date, flag or text."""
        known = {n: _KINDS.get(v.type, "text") for d in (*STATED, self.domain) for n, v in variables()[d].items()}
        return known | {DAY0: "date", "CENTRE": "text"}

    @property
    def named(self) -> tuple[str, ...]:
        """The variables that `says` quotes."""
        return tuple(_NAMED.findall(self.says))

    @property
    def conditions(self) -> tuple[Condition, Condition | None]:
        """What is expected, and which records it speaks of (None: all)."""
        return parse_condition(self.expect), parse_condition(self.where) if self.where else None

    def message(self, values: dict[str, str]) -> str:
        """Return `says` with the variables replaced by `values`, a text each."""
        return _NAMED.sub(lambda m: values[m[1]], self.says)

    def _check(self, key: str, text: str) -> None:
        try:
            condition = parse_condition(text)
        except ProtocolError as e:
            raise ValueError(f"`{key}`: {e.what} Allowed: {e.expected}") from None
        for name in sorted(condition.variables - set(self.kinds)):
            raise ValueError(f"`{key}` names {name}, which is no variable of {self.domain} and not stated of a subject")
        for name, literal in condition.comparisons:
            if not fits(literal, self.kinds[name]):
                raise ValueError(
                    f"`{key}` compares {name} with {literal!r}, which it can never be; expected "
                    f"{EXPECTED[self.kinds[name]]}"
                )


def named_once(checks: tuple[OwnCheck, ...]) -> tuple[OwnCheck, ...]:
    """Return the checks; raise `ValueError` where two have one id."""
    seen: set[str] = set()
    for check in checks:
        if check.id in seen:
            raise ValueError(f"two own checks are called `{check.id}`")
        seen.add(check.id)
    return checks
