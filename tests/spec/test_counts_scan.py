"""Patients at rest become columns: what is counted, what stays a row, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from chartline.counts.columns import Factor
from chartline.counts.scan import ScanError, scan_episodes
from chartline.stats import Episodes, estimate_cox, logrank_test

N = 9000
RNG = np.random.default_rng(5)
FRAME = pl.DataFrame(
    {
        "day": RNG.integers(0, 60, N),
        "event": RNG.integers(0, 3, N),
        "arm": RNG.choice(["B", "A", "10", "9"], N),
        "site": RNG.choice(["north", "south"], N),
        "old": RNG.random(N) < 0.4,
        "lines": RNG.integers(1, 4, N),
        "dose": RNG.choice([0.5, 1.0, 1.8], N),
        "age": RNG.normal(50, 9, N),
    }
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "patients.parquet"
    FRAME.write_parquet(path)
    return path


def risk(e: Episodes) -> tuple[Any, ...]:
    return e.groups, e.risk.times.tolist(), e.risk.at_risk.tolist(), e.risk.events.tolist(), e.risk.censored.tolist()


def test_alike_subjects_are_one_row_with_its_count(file: Path) -> None:
    columns = scan_episodes(file, time="day", event="event", group="arm")
    assert columns.exit.size <= 60 * 3 * 4 and columns.n == N
    plain = Episodes.of(FRAME["day"], FRAME["event"], group=FRAME["arm"].to_numpy())
    assert risk(Episodes.from_columns(columns)) == risk(plain)
    assert Episodes.from_columns(columns).groups == ("9", "10", "A", "B")  # as everywhere: numbers by size, then texts


def test_categories_and_numbers_of_few_values_are_patterns(file: Path) -> None:
    names = ("site", "old", "lines", "dose")
    columns = scan_episodes(file, time="day", event="event", covariates=names)
    assert columns.exit.size < N and columns.pattern is not None and columns.pattern.max() == 2 * 2 * 3 * 3 - 1
    e = Episodes.from_columns(columns, reference={"site": "south"})
    assert e.covariates == ("site=north", "old=true", "lines", "dose")
    north, old = FRAME["site"].to_numpy() == "north", FRAME["old"].to_numpy()
    given = {"site": north * 1.0, "old": old * 1.0, "lines": FRAME["lines"], "dose": FRAME["dose"]}
    plain = estimate_cox(Episodes.of(FRAME["day"], FRAME["event"], covariates=given))
    fit = estimate_cox(e)
    assert fit.coefficients == pytest.approx(plain.coefficients, rel=1e-9)
    assert fit.std_errors == pytest.approx(plain.std_errors, rel=1e-9)


def test_a_continuous_covariate_makes_a_row_a_subject(file: Path) -> None:
    columns = scan_episodes(file, time="day", event="event", covariates=("site", "lines", "age"))
    assert columns.exit.size == N and columns.own == {"age"}
    assert columns.pattern is not None and columns.pattern.max() == 2 * 3 - 1  # of the others
    e = Episodes.from_columns(columns)
    assert e.singly and e.by_row
    assert e.x[:, 2] == pytest.approx(FRAME["age"].to_numpy(), abs=0)
    assert e.x[:, 1].tolist() == FRAME["lines"].to_list()


def test_a_number_may_be_declared_a_category(file: Path) -> None:
    columns = scan_episodes(file, time="day", event="event", covariates={"lines": "category", "dose": "number"})
    assert Episodes.from_columns(columns).covariates == ("lines=2", "lines=3", "dose")


def test_strata_are_crossed_and_causes_named(file: Path) -> None:
    columns = scan_episodes(
        file, time="day", event="event", group="arm", strata=("site", "old"), causes=("relapse", "death")
    )
    e = Episodes.from_columns(columns)
    assert e.strata == ("north, false", "north, true", "south, false", "south, true")
    assert e.causes == ("relapse", "death")
    crossed = [f"{site}, {str(old).lower()}" for site, old in FRAME.select("site", "old").iter_rows()]
    plain = Episodes.of(FRAME["day"], FRAME["event"], group=FRAME["arm"].to_numpy(), strata=np.array(crossed))
    assert logrank_test(e, cause=1).chisq == pytest.approx(logrank_test(plain, cause=1).chisq, rel=1e-12)


def test_entries_are_kept(tmp_path: Path) -> None:
    frame = pl.DataFrame({"start": [0, 0, 2, 2], "day": [3, 4, 4, 5], "event": [True, False, True, True]})
    e = Episodes.from_columns(scan_episodes(frame.lazy(), time="day", event="event", entry="start"))
    assert e.late and e.risk.at_risk[:, 0].tolist() == [4, 3, 1]


def test_files_and_parts_add_up_to_the_whole(file: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"time": "day", "event": "event", "group": "arm", "covariates": ("site", "lines")}
    parts = [FRAME.filter(pl.col("arm") == arm) for arm in ("B", "10", "A", "9")]  # none has all levels
    for i, part in enumerate(parts):
        part.write_parquet(tmp_path / f"part-{i}.parquet")
    whole = scan_episodes(file, **options)
    together = scan_episodes(tmp_path / "part-*.parquet", **options)
    pooled = sum(
        (scan_episodes(p.lazy(), **options) for p in parts[1:]), start=scan_episodes(parts[0].lazy(), **options)
    )
    for columns in (together, pooled):
        assert columns.n == N
        assert risk(Episodes.from_columns(columns)) == risk(Episodes.from_columns(whole))
    fits = [estimate_cox(Episodes.from_columns(c)).coefficients for c in (whole, pooled)]
    assert fits[0] == pytest.approx(fits[1], rel=1e-10)


def test_rows_with_a_continuous_covariate_pool_too() -> None:
    options: dict[str, Any] = {"time": "day", "event": "event", "covariates": ("site", "age")}
    a, b = (scan_episodes(part.lazy(), **options) for part in (FRAME[:4000], FRAME[4000:]))
    assert Episodes.from_columns(a + b).x == pytest.approx(
        Episodes.from_columns(scan_episodes(FRAME.lazy(), **options)).x, abs=0
    )


def test_a_number_that_is_continuous_in_one_part_only_pools_too() -> None:
    options: dict[str, Any] = {"time": "day", "event": "event", "covariates": ("site", "age")}
    few = FRAME.with_columns(age=(pl.col("age") / 10).round() * 10)
    a, b = (scan_episodes(part.lazy(), **options) for part in (FRAME[:4000], few[4000:]))
    assert a.own and not b.own
    both = pl.concat([FRAME[:4000], few[4000:]])
    ages = Episodes.from_columns(a + b).x[:, 1]
    assert sorted(np.repeat(ages, (a + b).count)) == sorted(both["age"])


def test_columns_of_other_variables_do_not_pool() -> None:
    a = scan_episodes(FRAME.lazy(), time="day", event="event", group="arm")
    b = scan_episodes(FRAME.lazy(), time="day", event="event")
    with pytest.raises(ValueError, match="not of the same variables"):
        a + b


def test_a_level_that_comes_late_is_found(tmp_path: Path) -> None:
    rare = FRAME.with_columns(arm=pl.when(pl.int_range(N) == N - 1).then(pl.lit("late")).otherwise("arm"))
    columns = scan_episodes(rare.lazy(), time="day", event="event", group="arm")
    assert columns.group is not None and set(columns.group.levels) == {"9", "10", "A", "B", "late"}
    assert columns.n == N


def test_many_levels_are_looked_up(tmp_path: Path) -> None:
    many = FRAME.with_columns(ward=pl.Series([f"ward {i % 40}" for i in range(N)]))
    columns = scan_episodes(many.lazy(), time="day", event="event", group="ward")
    plain = Episodes.of(FRAME["day"], FRAME["event"], group=many["ward"].to_numpy())
    assert risk(Episodes.from_columns(columns)) == risk(plain)


def test_nobody_gives_no_rows() -> None:
    columns = scan_episodes(FRAME[:0].lazy(), time="day", event="event", group="arm", covariates=("site", "lines"))
    assert columns.n == 0 and Episodes.from_columns(columns).n == 0


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({"day": pl.col("day").cast(pl.Int64).replace(5, None)}, {}, "day has missing values"),
        ({"day": pl.col("day") + 0.5}, {}, "day has parts of a whole"),
        ({"day": pl.col("day") - 1}, {}, "day is -1 somewhere"),
        ({"day": pl.lit(2**31)}, {}, "day is 2147483648 somewhere"),
        ({"day": pl.lit("5")}, {}, "day is not a number but String"),
        ({"day": pl.lit(float("nan"))}, {}, "day has parts of a whole"),
        ({"event": pl.lit("death")}, {}, "event is not a number"),
        ({"event": pl.col("event") + 1}, {"causes": ("relapse", "death")}, "event is 3 somewhere, and there are 2"),
        ({"arm": pl.lit(None, pl.String)}, {"group": "arm"}, "arm has missing values"),
        ({"arm": pl.col("arm").replace("A", "")}, {"group": "arm"}, "arm has missing values"),
        (
            {"age": pl.col("age").replace(FRAME["age"][7], float("nan"))},
            {"covariates": ("age",)},
            "age is missing or inf",
        ),
        ({"dose": pl.col("dose").replace(0.5, None)}, {"covariates": ("dose",)}, "dose has missing values"),
        ({}, {"group": "ward"}, "there is no column ward"),
        ({}, {"covariates": {"site": "number"}}, "site is not a number"),
        ({}, {"covariates": {"lines": "ordinal"}}, "lines is declared ordinal"),
        ({}, {"covariates": ("day",)}, "day cannot be a covariate and a time"),
    ],
)
def test_what_cannot_be_read_without_a_guess_is_refused(
    change: dict[str, pl.Expr], options: dict[str, Any], says: str
) -> None:
    frame = FRAME.with_columns(**change)
    with pytest.raises(ScanError, match=says):
        scan_episodes(frame.lazy(), time="day", event="event", **options)


def test_factors_of_two_parts_share_their_levels() -> None:
    both = Factor(np.array([0, 1]), ("a", "b")) + Factor(np.array([0, 1, 1]), ("c", "a"))
    assert [both.levels[i] for i in both.codes] == ["a", "b", "c", "a", "a"]
