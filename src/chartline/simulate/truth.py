"""What is true of the simulated patients: the distributions they are drawn from, and the numbers these imply.

Nothing here is an estimate of any real patient. The figures are of the size that trials and registries of inotuzumab
ozogamicin report (Kantarjian et al., N Engl J Med 2016;375:740: remission 81 %, median survival 7.7 months), round and
ours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import exp, floor, log
from typing import Any

MONTH = 30.4375  # days, as everywhere in chartline
ASSESSED = (24, 49, 110, 170)  # days from the first dose on which the marrow is looked at


@dataclass(frozen=True)
class Truth:
    """Parameters of the treated sub-cohort; all times in days from the first dose."""

    treated: float = 0.001  # share of persons with a first dose
    survival_shape: float = 1.1  # Weibull, overall survival
    survival_scale: float = 330.0
    responds: float = 0.70  # would reach remission, if alive at the assessment
    at_first: float = 0.65  # of those: at the first assessment, the others at the second
    recovered: float = 0.45  # of remissions: counts recovered (CR, not CRi)
    mrd_negative: float = 0.75
    relapse_mean: float = 330.0  # exponential, from remission
    transplanted: float = 0.45  # of remissions, if alive and without relapse by then
    lost_mean: float = 3650.0  # exponential, to the last contact

    def survival(self, day: float) -> float:
        """S(t) of overall survival; a death on day d is one whose time, rounded up to whole days, is d."""
        return exp(-((floor(day) / self.survival_scale) ** self.survival_shape))

    def median_days(self) -> float:
        return float(self.survival_scale * log(2) ** (1 / self.survival_shape))

    def remission(self) -> float:
        """The share of treated patients who are seen in remission: they respond, and are alive when assessed."""
        first, second = (self.survival(day) for day in ASSESSED[:2])
        return self.responds * (self.at_first * first + (1 - self.at_first) * second)

    def describe(self) -> dict[str, Any]:
        """The parameters and what they imply, for `truth.json`; proportions are of eligible treated patients."""
        implied = {
            "os_6m": self.survival(6 * MONTH),
            "os_12m": self.survival(12 * MONTH),
            "os_24m": self.survival(24 * MONTH),
            "os_median_months": self.median_days() / MONTH,
            "cr_cri_rate": self.remission(),
        }
        return {"synthetic": True, "parameters": asdict(self), "implied": implied}
