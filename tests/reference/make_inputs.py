"""Writes the data sets that ship for the certificate (src/chartline/verify/data). Synthetic, but for Freireich's times.

Run: python tests/reference/make_inputs.py. The same bytes come out every time.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "src" / "chartline" / "verify" / "data"

# Freireich EJ et al. Blood 1963;21:699: weeks of remission in acute leukaemia, 21 pairs; 0 after the time: censored.
PLACEBO = (1, 22, 3, 12, 8, 17, 2, 11, 8, 12, 2, 5, 4, 15, 8, 23, 5, 11, 4, 1, 8)
SIX_MP = ((10, 1), (7, 1), (32, 0), (23, 1), (22, 1), (6, 1), (16, 1), (34, 0), (32, 0), (25, 0), (11, 0))
SIX_MP += ((20, 0), (19, 0), (6, 1), (17, 0), (35, 0), (6, 1), (13, 1), (9, 0), (6, 0), (10, 0))


def freireich() -> list[dict[str, Any]]:
    pairs = [(t, 1) for t in PLACEBO]
    return [
        {"pair": i % 21 + 1, "arm": arm, "weeks": t, "relapse": e}
        for arm, times in (("placebo", pairs), ("6-MP", SIX_MP))
        for i, (t, e) in enumerate(times)
    ]


def cohort(n: int, seed: int, *, grid: int = 1) -> list[dict[str, Any]]:
    """A cohort with two causes (1 relapse, 2 death without relapse), late entry, centre, transplantation on the way.

    `grid` > 1 rounds days up to multiples of it, so that ties are everywhere.
    """
    r = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        centre, arm, risk = str(r.choice(list("ABCDE"))), int(r.integers(2)), str(r.choice(["low", "mid", "high"]))
        age, wbc = round(float(r.uniform(18, 78)), 1), round(float(r.lognormal(2, 1)), 2)
        score = 0.02 * (age - 45) - 0.5 * arm + {"low": -0.4, "mid": 0.0, "high": 0.5}[risk]
        relapse = r.exponential(420 * np.exp(-score))
        death = r.exponential(900 * np.exp(-0.03 * (age - 45)))
        cut = r.uniform(60, 1400)
        time = int(np.ceil(min(relapse, death, cut) / grid) * grid)
        status = 1 if relapse <= min(death, cut) else 2 if death <= cut else 0
        entry = int(r.choice([0, 0, 0, r.integers(1, 90)])) // grid * grid
        transplant = int(np.ceil(r.exponential(260) / grid) * grid)
        rows.append(
            {
                "id": i + 1, "centre": centre, "arm": "B" if arm else "A", "risk": risk, "age": age, "wbc": wbc,
                "entry": entry if entry < time else 0, "time": time, "status": status,
                "transplant": transplant if 0 < transplant < time else "",
                "response": int(r.random() < 0.35 + 0.3 * arm),
            }
        )  # fmt: skip
    return rows


def write(name: str, rows: list[dict[str, Any]], says: str = "Synthetic data. No patient is real.") -> None:
    with (DATA / f"{name}.csv").open("w", encoding="utf-8", newline="") as f:
        f.write(f"# {says}\n")
        out = csv.DictWriter(f, rows[0], lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


if __name__ == "__main__":
    write("freireich", freireich(), "Remission times published by Freireich EJ et al. Blood 1963;21:699.")
    write("cohort", cohort(400, 20260101))
    write("tied", cohort(150, 20260102, grid=60))
    write("small", cohort(32, 20260103))
