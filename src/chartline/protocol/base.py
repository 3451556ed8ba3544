"""What every declaration of a protocol shares, and the dated events that endpoints and analyses are built from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from chartline.core.faults import Shape


class Declared(BaseModel):
    """Immutable; an unknown key is an error, and so is a number that is infinite or none at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


def require_once(declared: Declared, *names: str) -> None:
    """Raise ValueError where one of the lists `names` holds a word or number twice: two results would have one id."""
    for name in names:
        listed = [one for one in getattr(declared, name) or () if isinstance(one, str | float)]
        twice = next((one for i, one in enumerate(listed) if one in listed[:i]), None)
        if twice is not None:
            raise ValueError(f"{twice if isinstance(twice, str) else f'{twice:g}'} stands twice in `{name}`")


class Milestone(StrEnum):
    """The dated events of a subject from which endpoints are built (one ADSL date each)."""

    BIRTH = "birth"
    FIRST_DOSE = "first_dose"
    LAST_DOSE = "last_dose"
    FIRST_RESPONSE = "first_response"
    RELAPSE = "relapse"
    TRANSPLANT = "transplant"
    NEW_THERAPY = "new_therapy"
    DEATH = "death"
    LAST_ALIVE = "last_alive"
    LAST_ASSESSED = "last_assessed"
    OBSERVED_FROM = "observed_from"
    OBSERVED_UNTIL = "observed_until"


# The name of a milestone: one of the above, or one that the protocol declares under `milestones`. A study's own name
# has at most six characters, so that its variables in ADSL have at most eight.
OWN_NAME = Shape(
    r"^[a-z][a-z0-9]{0,5}$", "a name for a milestone", "a small letter, then at most 5 small letters or digits", "agvhd"
)
MilestoneName = Annotated[
    str,
    WithJsonSchema(
        {"anyOf": [{"enum": [m.value for m in Milestone]}, {"type": "string", "pattern": OWN_NAME.pattern}]}
    ),
]
OwnName = Annotated[str, OWN_NAME]

# The variables of ADSL that hold a milestone: whether it happened, and when.
DATED = {
    Milestone.FIRST_RESPONSE: ("RESPFL", "FRSPDT"),
    Milestone.RELAPSE: ("RELFL", "RELDT"),
    Milestone.TRANSPLANT: ("HSCTFL", "HSCTDT"),
    Milestone.NEW_THERAPY: ("NEWTXFL", "NEWTXDT"),
    Milestone.DEATH: ("DTHFL", "DTHDT"),
}
ORIGINS = {
    Milestone.BIRTH: "BRTHDT", Milestone.FIRST_DOSE: "TRTSDT", Milestone.LAST_DOSE: "TRTEDT",
    **{m: day for m, (_, day) in DATED.items()},
}  # fmt: skip


def dated(milestone: str) -> tuple[str, str]:
    """Return the variables of ADSL that say whether a milestone happened, and when."""
    return {str(m): names for m, names in DATED.items()}.get(milestone) or own_variables(milestone)


def own_variables(name: str) -> tuple[str, str]:
    """Return the variables of ADSL of a milestone that a protocol declares: `agvhd` is AGVHDFL and AGVHDDT."""
    return f"{name.upper()}FL", f"{name.upper()}DT"


def origin_variable(milestone: str) -> str:
    """Return the variable of ADSL that holds the day of a milestone that times can be counted from."""
    return {str(m): day for m, day in ORIGINS.items()}.get(milestone) or own_variables(milestone)[1]
