"""What every declaration of a protocol shares, and the dated events that endpoints and analyses are built from."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Declared(BaseModel):
    """Immutable; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


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
