"""The comparison: the same figures and tables as an analyst scripts them with pandas, lifelines and matplotlib.

In: a folder of *already clean* tables (dm mh ex rs lb ae vod pr cm ss as CSV, a row a record, SI units); an out folder.
Out: Kaplan-Meier figures of OS, RFS and DOR with numbers at risk (svg, png) and one DOCX with the tables of attrition,
baseline by centre, response, exposure, transplantation, safety, laboratory grades and survival.

    python benchmarks/plain_stack.py TRUTH OUT

It is written as plainly as such scripts are, neither slowed down nor tuned. It reads no raw chart, maps nothing, checks
nothing, and traces nothing; chartline, beside which it is timed, does all that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from docx import Document
from docx.shared import Inches
from lifelines import KaplanMeierFitter
from lifelines.plotting import add_at_risk_counts
from lifelines.utils import median_survival_times
from scipy.stats import beta

MONTH = 30.4375
LIVER, BLOOD = ["ALT", "AST", "BILI", "ALP", "GGT"], ["ANC", "PLT", "HB", "WBC"]
# CTCAE v5.0: lower bounds of grades 1-4, in multiples of the upper limit of normal (of the baseline where that is high)
HIGH = {
    "ALT": (1, 3, 5, 20),
    "AST": (1, 3, 5, 20),
    "BILI": (1, 1.5, 3, 10),
    "ALP": (1, 2.5, 5, 20),
    "GGT": (1, 2.5, 5, 20),
}
HIGH_FROM_BASELINE = {
    "ALT": (1.5, 3, 5, 20),
    "AST": (1.5, 3, 5, 20),
    "BILI": (1, 1.5, 3, 10),
    "ALP": (2, 2.5, 5, 20),
    "GGT": (2, 2.5, 5, 20),
}
# upper bounds of grades 2-4; grade 1 is below the lower limit of normal
LOW = {"ANC": (1.5, 1.0, 0.5), "PLT": (75, 50, 25), "HB": (100, 80, None), "WBC": (3.0, 2.0, 1.0)}


def read(truth: Path) -> dict[str, pd.DataFrame]:
    out = {}
    for name in ("dm", "mh", "ex", "rs", "lb", "ae", "vod", "pr", "cm", "ss"):
        frame = pd.read_csv(truth / f"{name}.csv", dtype={"SUBJID": str}, keep_default_na=False, na_values=[""])
        for column in [c for c in frame.columns if c.endswith("DTC")]:
            text = frame[column].where(
                frame[column].isna() | (frame[column].astype(str).str.len() != 7), frame[column] + "-15"
            )
            frame[column] = pd.to_datetime(text)
        out[name] = frame
    return out


def subjects(t: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a patient with everything the tables and curves need."""
    d = t["dm"].set_index("SUBJID")
    doses = t["ex"].groupby("SUBJID")
    d["FIRST"], d["LAST"] = doses["EXSTDTC"].min(), doses["EXSTDTC"].max()
    d["CYCLES"], d["DOSES"] = doses["EXCYCLE"].nunique(), doses.size()
    d["CUM_M2"], d["CUM_MG"] = doses["EXDOSM2"].sum(), doses["EXDOSE"].sum()
    for category, column in (
        ("STATUS", "STATUS"),
        ("ECOG", "ECOG"),
        ("BCRABL1", "BCRABL1"),
        ("CD22", "CD22"),
        ("LINES", "LINES"),
        ("PRIOR HSCT", "PRHSCT"),
        ("PRIOR BLINATUMOMAB", "PRBLIN"),
        ("EMD", "EMDBL"),
        ("CR1DUR", "CR1DUR"),
    ):
        d[column] = t["mh"][t["mh"].MHCAT == category].groupby("SUBJID")["MHORRES"].first()
    for column in ("CD22", "LINES", "CR1DUR"):
        d[column] = pd.to_numeric(d[column])
    d["HSCT"] = t["pr"][t["pr"].PRCAT == "POST-INO HSCT"].groupby("SUBJID")["PRSTDTC"].min()
    d["NEWTX"] = t["cm"][t["cm"].CMCAT == "SUBSEQUENT THERAPY"].groupby("SUBJID")["CMSTDTC"].min()
    ss = t["ss"].set_index("SUBJID")
    d["RELAPSE"] = ss.RELDTC.where(ss.RELAPSE == "Y")
    d["DEATH"], d["ALIVE"] = ss.DTHDTC, ss.LKADTC
    return d


def response(t: dict[str, pd.DataFrame], d: pd.DataFrame) -> None:
    """Add best response (INO-VATE), its date, MRD negativity and deep response."""
    stop = d[["RELAPSE", "HSCT", "NEWTX"]].min(axis=1)
    rs = t["rs"][t["rs"].RSCYCLE >= 1].copy()
    rs["STOP"] = rs.SUBJID.map(stop)
    rs = rs[rs.STOP.isna() | (rs.MARROWDTC < rs.STOP)]
    rs["REMISSION"] = (rs.BLASTS < 5) & (rs.PBBLAST == 0) & rs.EMD.isin(["ABSENT", "RESOLVED"])

    def recovered(anc, plt_, day, gcsf, plttx):
        within = (rs[day] - rs.MARROWDTC).dt.days.between(0, 14)
        return within & (rs[anc] >= 1.0) & (rs[plt_] >= 100) & (rs[gcsf] != "Y") & (rs[plttx] != "Y")

    rs["CR"] = rs.REMISSION & (
        recovered("ANC", "PLT", "CNTDTC", "GCSF7D", "PLTTX7D")
        | recovered("ANC2", "PLT2", "CNT2DTC", "GCSF7D2", "PLTTX7D2")
    )
    by = rs.groupby("SUBJID")
    d["BOR"] = np.select(
        [by.CR.any().reindex(d.index, fill_value=False), by.REMISSION.any().reindex(d.index, fill_value=False)],
        ["CR", "CRi"],
        "Other",
    )
    d["RESPONDER"] = d.BOR.isin(["CR", "CRi"])
    d["CRDT"] = rs[rs.REMISSION].groupby("SUBJID").MARROWDTC.min()
    mrd = rs[(rs.MRDVAL < 0.01) & (rs.MRDADEQ == "Y")].copy()
    mrd = mrd[mrd.MARROWDTC >= mrd.SUBJID.map(d.CRDT)]
    d["MRDNEG"] = d.RESPONDER & d.index.isin(mrd.SUBJID)
    third = t["ex"][(t["ex"].EXCYCLE == 3)].groupby("SUBJID").EXSTDTC.min().reindex(d.index)
    end_c2 = third.fillna(d.LAST + pd.Timedelta(days=42))
    d["DEEP"] = d.RESPONDER & d.index.isin(mrd[mrd.MARROWDTC <= mrd.SUBJID.map(end_c2)].SUBJID)


def grade(lab: pd.DataFrame) -> pd.Series:
    """CTCAE v5.0 grade of each laboratory value; BASE is the patient's baseline of that test."""
    out = pd.Series(0, index=lab.index)
    for test in LIVER:
        of = lab.LBTESTCD == test
        high = of & (lab.BASE > lab.LBULN)
        for n in range(4):
            out[of & ~high & (lab.LBSTRESN > HIGH[test][n] * lab.LBULN)] = n + 1
            out[high & (lab.LBSTRESN > HIGH_FROM_BASELINE[test][n] * lab.BASE)] = n + 1
    for test, bounds in LOW.items():
        of = lab.LBTESTCD == test
        out[of & (lab.LBSTRESN < lab.LBLLN)] = 1
        for n, bound in enumerate(bounds, 2):
            if bound is not None:
                out[of & (lab.LBSTRESN < bound)] = n
    return out


def safety(t: dict[str, pd.DataFrame], d: pd.DataFrame) -> pd.DataFrame:
    """Add liver toxicity and myelosuppression to `d`; return the worst on-treatment grade by patient and test."""
    lb = t["lb"][t["lb"].LBTESTCD.isin(LIVER + BLOOD)].copy()
    lb["FIRST"], lb["LAST"] = lb.SUBJID.map(d.FIRST), lb.SUBJID.map(d.LAST)
    until = np.minimum(
        lb.LAST + pd.Timedelta(days=42),
        (lb.SUBJID.map(d[["HSCT", "NEWTX"]].min(axis=1)) - pd.Timedelta(days=1)).fillna(pd.Timestamp.max),
    )
    before = lb[(lb.LBDTC <= lb.FIRST) & (lb.LBDTC >= lb.FIRST - pd.Timedelta(days=14))].sort_values("LBDTC")
    base = before.groupby(["SUBJID", "LBTESTCD"]).LBSTRESN.last()
    lb["BASE"] = pd.MultiIndex.from_frame(lb[["SUBJID", "LBTESTCD"]]).map(base)
    lb["GRADE"] = grade(lb)
    at_base = lb.loc[before.index].groupby(["SUBJID", "LBTESTCD"]).GRADE.last()
    on = lb[(lb.LBDTC > lb.FIRST) & (lb.LBDTC <= until)]
    worst = on.groupby(["SUBJID", "LBTESTCD"]).GRADE.max().unstack()
    worsened = worst.gt(at_base.unstack().reindex(worst.index).fillna(0))
    hepatic = t["ae"][(t["ae"].AECAT == "HEPATIC") & (t["ae"].AETOXGR >= 3)]
    unrelated = hepatic.groupby("SUBJID").AEREL.apply(lambda s: (s == "N").all()).reindex(d.index, fill_value=False)
    vod = t["ae"][t["ae"].AETERM.str.contains("sinusoidal", case=False) & (t["ae"].AETOXGR >= 3)].SUBJID
    lab3 = worst.reindex(columns=LIVER).ge(3).any(axis=1).reindex(d.index, fill_value=False)
    d["VOD"] = d.index.isin(vod)
    d["LIVER"] = (lab3 & ~unrelated) | d.VOD
    d["LIVER_ANY"] = lab3 | d.VOD
    counts = worsened.reindex(columns=BLOOD).any(axis=1).reindex(d.index, fill_value=False)
    d["MYELO"] = counts | d.index.isin(t["ae"][t["ae"].AECAT == "MYELOSUPPRESSION"].SUBJID)
    return worst.reindex(d.index)


def endpoints(d: pd.DataFrame) -> dict[str, tuple[str, pd.Series, pd.Series]]:
    """Return endpoint -> (title, months, event)."""
    death_or_relapse = d[["RELAPSE", "DEATH"]].min(axis=1)
    responders = d[d.RESPONDER]
    out = {"os": ("Overall survival", d.FIRST, d.DEATH, d)}
    out["rfs"] = ("Relapse-free survival", d.FIRST, death_or_relapse, responders)
    out["dor"] = ("Duration of response", d.CRDT, death_or_relapse, responders)
    done = {}
    for name, (title, start, event, who) in out.items():
        start, event = start[who.index], event[who.index]
        end = event.fillna(who.ALIVE)
        done[name] = (title, (end - start).dt.days / MONTH, event.notna())
    return done


def draw(name: str, title: str, months: pd.Series, event: pd.Series, out: Path) -> KaplanMeierFitter:
    km = KaplanMeierFitter().fit(months, event, label=title)
    fig, ax = plt.subplots(figsize=(7, 5))
    km.plot_survival_function(ax=ax, show_censors=True, ci_show=True)
    ax.set_xlabel("Months")
    ax.set_ylabel("Probability")
    ax.set_ylim(0, 1)
    ax.set_title(title)
    add_at_risk_counts(km, ax=ax)
    fig.tight_layout()
    fig.savefig(out / f"{name}.svg")
    fig.savefig(out / f"{name}.png", dpi=200)
    plt.close(fig)
    return km


def exact(x: int, n: int) -> tuple[float, float]:
    lower = 0.0 if x == 0 else beta.ppf(0.025, x, n - x + 1)
    upper = 1.0 if x == n else beta.ppf(0.975, x + 1, n - x)
    return float(lower), float(upper)


def rate(label: str, flag: pd.Series) -> list[str]:
    x, n = int(flag.sum()), len(flag)
    lower, upper = exact(x, n)
    return [label, f"{x}/{n}", f"{100 * x / n:.1f}", f"{100 * lower:.1f} to {100 * upper:.1f}"]


def quartiles(s: pd.Series) -> str:
    s = s.dropna()
    return f"{s.median():.1f} ({s.quantile(0.25):.1f} to {s.quantile(0.75):.1f})" if len(s) else "-"


def table(document, caption: str, header: list[str], rows: list[list[str]]) -> None:
    document.add_paragraph(caption, style="Caption")
    grid = document.add_table(rows=1, cols=len(header), style="Light List")
    for cell, text in zip(grid.rows[0].cells, header, strict=True):
        cell.text = text
    for row in rows:
        for cell, text in zip(grid.add_row().cells, row, strict=True):
            cell.text = text
    document.add_paragraph()


def table_one(d: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    groups = {"All": d, **{f"Centre {c}": g for c, g in d.groupby("SITEID")}}
    rows = [["Patients", *[str(len(g)) for g in groups.values()]]]
    for label, column in (
        ("Age, years", "AGE"),
        ("Prior lines", "LINES"),
        ("CD22, %", "CD22"),
        ("First remission, months", "CR1DUR"),
        ("Body surface area, m2", "BSA"),
    ):
        rows.append([f"{label}, median (quartiles)", *[quartiles(g[column]) for g in groups.values()]])
        rows.append(["  missing", *[str(int(g[column].isna().sum())) for g in groups.values()]])
    for label, column in (
        ("Sex", "SEX"),
        ("Disease status", "STATUS"),
        ("BCR::ABL1", "BCRABL1"),
        ("ECOG", "ECOG"),
        ("Prior transplantation", "PRHSCT"),
        ("Prior blinatumomab", "PRBLIN"),
        ("Extramedullary disease", "EMDBL"),
    ):
        rows.append([label, *[""] * len(groups)])
        for level in sorted(d[column].dropna().unique()):
            rows.append(
                [
                    f"  {level}",
                    *[
                        f"{(g[column] == level).sum()} ({100 * (g[column] == level).mean():.0f}%)"
                        for g in groups.values()
                    ],
                ]
            )
        rows.append(["  missing", *[str(int(g[column].isna().sum())) for g in groups.values()]])
    return ["", *groups], rows


def survival_rows(curves: dict, kms: dict[str, KaplanMeierFitter]) -> list[list[str]]:
    rows = []
    for name, (title, months, event) in curves.items():
        km = kms[name]
        interval = median_survival_times(km.confidence_interval_).iloc[0]
        rows.append(
            [
                f"{title}, median months",
                f"{event.sum()}/{len(months)}",
                f"{km.median_survival_time_:.2f}",
                f"{interval.iloc[0]:.2f} to {interval.iloc[1]:.2f}",
            ]
        )
        for at in (6, 12):
            s = km.predict(at)
            low, high = km.confidence_interval_.loc[:at].iloc[-1]
            rows.append([f"{title} at {at} months", "", f"{100 * s:.1f}%", f"{100 * low:.1f} to {100 * high:.1f}%"])
    return rows


def write(
    out: Path, t: dict[str, pd.DataFrame], everyone: pd.DataFrame, d: pd.DataFrame, worst: pd.DataFrame, curves: dict
) -> dict:
    kms = {name: draw(name, *curve, out) for name, curve in curves.items()}
    document = Document()
    document.add_heading("Inotuzumab ozogamicin in relapsed or refractory B-ALL (synthetic data)", 0)
    reasons = everyone.ELIGREAS.dropna().value_counts()
    table(
        document,
        "Attrition",
        ["Step", "n"],
        [
            ["Screened", str(len(everyone))],
            *[[f"  {k}", str(v)] for k, v in reasons.items()],
            ["Eligible", str(len(d))],
        ],
    )
    table(document, "Baseline characteristics", *table_one(d))
    responders, transplanted = d[d.RESPONDER], d[d.HSCT.notna()]
    measure = ["", "n/N", "%", "95% CI"]
    table(
        document,
        "Response",
        measure,
        [
            rate("CR or CRi", d.RESPONDER),
            rate("CR", d.BOR == "CR"),
            rate("CRi", d.BOR == "CRi"),
            rate("MRD-negative among CR/CRi", responders.MRDNEG),
            rate("Deep response", responders.DEEP),
            rate("MRD-negative among all", d.MRDNEG),
            rate("Deep response among all", d.DEEP),
        ],
    )
    table(
        document,
        "Treatment exposure",
        ["", "Median (quartiles)"],
        [
            [label, quartiles(d[c])]
            for label, c in (
                ("Cycles", "CYCLES"),
                ("Doses", "DOSES"),
                ("Cumulative dose, mg/m2", "CUM_M2"),
                ("Cumulative dose, mg", "CUM_MG"),
            )
        ],
    )
    last_before = (
        t["ex"].assign(HSCT=t["ex"].SUBJID.map(d.HSCT)).query("EXSTDTC < HSCT").groupby("SUBJID").EXSTDTC.max()
    )
    table(
        document,
        "Transplantation",
        measure,
        [
            rate("Allogeneic transplantation", d.HSCT.notna()),
            rate("Transplanted in CR or CRi", transplanted.CRDT < transplanted.HSCT),
            ["Last dose to transplantation, days", quartiles((transplanted.HSCT - last_before).dt.days), "", ""],
        ],
    )
    table(
        document,
        "Safety",
        measure,
        [
            rate("Grade 3-4 treatment-related liver toxicity", d.LIVER),
            rate("Grade 3-4 liver toxicity of any cause", d.LIVER_ANY),
            rate("VOD/SOS, grade 3 or more", d.VOD),
            rate("Myelosuppression", d.MYELO),
        ],
    )
    grades = [
        [test, *[str(int((worst[test] == g).sum())) for g in range(5)], str(int(worst[test].isna().sum()))]
        for test in LIVER + BLOOD
    ]
    table(
        document,
        "Worst laboratory grade on treatment (CTCAE v5.0)",
        ["Test", "0", "1", "2", "3", "4", "missing"],
        grades,
    )
    table(document, "Survival", ["", "Events/N", "Estimate", "95% CI"], survival_rows(curves, kms))
    for name, (title, _, _) in curves.items():
        document.add_picture(str(out / f"{name}.png"), width=Inches(6))
        document.add_paragraph(title, style="Caption")
    document.save(str(out / "report.docx"))
    return {
        "screened": len(everyone),
        "eligible": len(d),
        "cr_cri": int(d.RESPONDER.sum()),
        "cr": int((d.BOR == "CR").sum()),
        "mrd_negative": int(responders.MRDNEG.sum()),
        "deep": int(responders.DEEP.sum()),
        "hsct": int(d.HSCT.notna().sum()),
        "liver": int(d.LIVER.sum()),
        "myelo": int(d.MYELO.sum()),
        "median_cycles": float(d.CYCLES.median()),
        "os_6m": float(kms["os"].predict(6)),
        "os_12m": float(kms["os"].predict(12)),
        **{f"{n}_median": float(k.median_survival_time_) for n, k in kms.items()},
    }


def main(truth: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tables = read(truth)
    everyone = subjects(tables)
    d = everyone[everyone.ELIGFL == "Y"].copy()
    response(tables, d)
    worst = safety(tables, d)
    numbers = write(out, tables, everyone, d, worst, endpoints(d))
    (out / "numbers.json").write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: plain_stack.py TRUTH OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
