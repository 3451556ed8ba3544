"""The analytical choices that a protocol declares as open: switches, their options, and what each of them changes."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from chartline.protocol.base import Declared

# What the columns of multiverse.csv are called besides the switches.
COLUMNS = ("specification", "outcome", "value", "lower", "upper", "n", "N", "reason")
_ID = re.compile(r"[a-z][a-z0-9_]*")


class Switch(Declared):
    """One choice that could have been made otherwise. It needs exactly one of `options` and `leave_out`."""

    label: str = Field(description="How readers see it.", examples=["Window of blood counts"])
    options: dict[str, dict[str, Any]] = Field(
        {},
        description="Name of an option -> what it changes: paths of the protocol and their value. A path is the keys "
        "joined by points; an item of a list is named by its id. The first option is the protocol as it stands, `{}`.",
        examples=[{"0 to 14 days": {}, "0 to 28 days": {"response.counts_window_days": [0, 28]}}],
    )
    leave_out: Literal["SITEID"] | None = Field(
        None, description="Leave out each centre in turn, after none.", examples=["SITEID"]
    )

    @model_validator(mode="after")
    def _first_is_the_protocol(self) -> Switch:
        if (self.leave_out is None) != bool(self.options):
            raise ValueError("a switch has either `options` or `leave_out`")
        for i, (name, changes) in enumerate(self.options.items()):
            if i == 0 and changes:
                raise ValueError(f"the first option is the protocol as it stands, so `{name}` must be {{}}")
            if i > 0 and not changes:
                raise ValueError(f"only the first option changes nothing, so `{name}` must name what it changes")
        if len(self.options) == 1:
            raise ValueError("a switch has at least two options")
        return self


class Multiverse(Declared):
    """The numbers of interest and the switches; every combination of options is one specification of the study."""

    outcomes: tuple[str, ...] = Field(
        min_length=1,
        description="The numbers: headline keys, or results as `analysis/statistic` and `analysis/statistic@months`.",
        examples=[["cr_cri_rate", "os_12m", "dor/survival@6"]],
    )
    switches: dict[str, Switch] = Field(
        min_length=1,
        description="The switches by name: a small letter, then small letters, digits and _.",
        examples=[{"centre": {"label": "Centre left out", "leave_out": "SITEID"}}],
    )

    @field_validator("switches")
    @classmethod
    def _names_make_columns(cls, switches: dict[str, Switch]) -> dict[str, Switch]:
        for name in switches:
            if not _ID.fullmatch(name) or name in COLUMNS:
                raise ValueError(
                    f"`{name}` cannot be the name of a switch: a small letter, then small letters, digits or _, as "
                    f"`centre`, and none of {', '.join(COLUMNS)}"
                )
        if sum(s.leave_out is not None for s in switches.values()) > 1:
            raise ValueError("only one switch can leave centres out")
        return switches
