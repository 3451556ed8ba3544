"""Small cohort definitions as ATLAS would export them, one for each thing that Circe can ask of an event.

`record.py` hands them to other implementations of Circe; the tests hand them to ours. The concepts are made up.
"""

from __future__ import annotations

from typing import Any

# Made-up vocabulary: a drug with two products, another drug, a disease with two kinds, a test, a procedure, a visit.
CONCEPTS = {
    1: "anti-CD22 conjugate",
    11: "anti-CD22 conjugate 1 MG",
    12: "anti-CD22 conjugate 2 MG",
    13: "old product",
    2: "other drug",
    21: "other drug 5 MG",
    3: "acute leukaemia",
    31: "acute leukaemia of B cells",
    32: "acute leukaemia of T cells",
    4: "blasts",
    5: "transplantation",
    6: "hospital stay",
    7: "positive",
    8: "negative",
    9: "percent",
    10: "per litre",
    8507: "MALE",
    8532: "FEMALE",
}


def concept_set(number: int, name: str, *items: tuple[Any, ...]) -> dict[str, Any]:
    """A concept set of items (concept, 'descendants', 'exclude')."""
    return {
        "id": number,
        "name": name,
        "expression": {
            "items": [
                {
                    "concept": {"CONCEPT_ID": i, "CONCEPT_NAME": CONCEPTS[i], "STANDARD_CONCEPT": "S"},
                    "isExcluded": "exclude" in flags,
                    "includeDescendants": "descendants" in flags,
                    "includeMapped": False,
                }
                for i, *flags in items
            ]
        },
    }


SETS = [
    concept_set(0, "Conjugate", (1, "descendants")),
    concept_set(1, "Other drug", (2, "descendants")),
    concept_set(2, "Acute leukaemia", (3, "descendants"), (32, "exclude", "descendants")),
    concept_set(3, "Blasts", (4,)),
    concept_set(4, "Transplantation", (5, "descendants")),
    concept_set(5, "T-cell leukaemia", (32,)),
]
LEFT, RIGHT = -1, 1


def window(start: int | None, end: int | None) -> dict[str, Any]:
    """Days relative to the index; None: as far as is observed."""
    return {
        "Start": {
            "Days": None if start is None else abs(start),
            "Coeff": LEFT if start is None or start < 0 else RIGHT,
        },
        "End": {"Days": None if end is None else abs(end), "Coeff": RIGHT if end is None or end >= 0 else LEFT},
        "UseEventEnd": False,
        "UseIndexEnd": False,
    }


def rows(table: str, codeset: int | None, **more: Any) -> dict[str, Any]:
    return {table: ({} if codeset is None else {"CodesetId": codeset}) | more}


def within(
    criteria: dict[str, Any], start: int | None, end: int | None, kind: str, count: int, **more: Any
) -> dict[str, Any]:
    occurrence = {"Type": ("exactly", "at most", "at least").index(kind), "Count": count}
    occurrence |= {key: more.pop(key) for key in ("IsDistinct", "CountColumn") if key in more}
    return {"Criteria": criteria, "StartWindow": window(start, end), "Occurrence": occurrence, **more}


def group(
    kind: str, *parts: dict[str, Any], count: int | None = None, people: Any = (), groups: Any = ()
) -> dict[str, Any]:
    said = {"Type": kind, "CriteriaList": list(parts), "DemographicCriteriaList": list(people), "Groups": list(groups)}
    return said if count is None else said | {"Count": count}


def definition(
    events: list[dict[str, Any]],
    *,
    observed: tuple[int, int] = (0, 0),
    limits: str = "All All First",
    additional: dict[str, Any] | None = None,
    rules: Any = (),
    **more: Any,
) -> dict[str, Any]:
    primary, qualified, cohort = limits.split()
    said = {
        "ConceptSets": SETS,
        "PrimaryCriteria": {
            "CriteriaList": events,
            "ObservationWindow": {"PriorDays": observed[0], "PostDays": observed[1]},
            "PrimaryCriteriaLimit": {"Type": primary},
        },
        "QualifiedLimit": {"Type": qualified},
        "ExpressionLimit": {"Type": cohort},
        "InclusionRules": [{"name": f"rule {i}", "expression": g} for i, g in enumerate(rules, 1)],
        "CensoringCriteria": [],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 0},
        "CensorWindow": {},
        "cdmVersionRange": ">=5.0.0",
    }
    return said | ({} if additional is None else {"AdditionalCriteria": additional}) | more


def definitions() -> dict[str, dict[str, Any]]:
    drug, leukaemia, blasts = rows("DrugExposure", 0), rows("ConditionOccurrence", 2), rows("Measurement", 3)
    before = within(leukaemia, None, 0, "at least", 1)
    adult = {"Age": {"Value": 18, "Op": "gte"}}
    girl = {"Age": {"Value": 12, "Extent": 25, "Op": "bt"}, "Gender": [{"CONCEPT_ID": 8532, "CONCEPT_NAME": "FEMALE"}]}
    return {
        "first_event": definition([drug], limits="First All First"),
        "first_event_ever": definition([rows("DrugExposure", 0, First=True)]),
        "last_event": definition([drug], limits="Last All First"),
        "observed_before": definition([drug], observed=(180, 0)),
        "observed_both_sides": definition([drug], observed=(100, 60), limits="First All First"),
        "two_kinds_of_event": definition([drug, rows("ProcedureOccurrence", 4)]),
        "event_in_years": definition(
            [rows("DrugExposure", 0, OccurrenceStartDate={"Value": "2018-07-01", "Extent": "2019-06-30", "Op": "bt"})]
        ),
        "event_after_a_day": definition(
            [rows("ConditionOccurrence", 2, First=True, OccurrenceStartDate={"Value": "2018-12-31", "Op": "gt"})]
        ),
        "adults_at_event": definition([rows("DrugExposure", 0, **adult)]),
        "any_record": definition([rows("ProcedureOccurrence", None)]),
        "rule_of_the_first": definition([drug], limits="First All First", rules=[group("ALL", before)]),
        "first_with_rule": definition([drug], limits="All All First", rules=[group("ALL", before)]),
        "last_with_rule": definition([drug], limits="All All Last", rules=[group("ALL", before)]),
        "all_entries": definition([drug], limits="All All All", rules=[group("ALL", before)]),
        "additional_then_first": definition(
            [drug],
            limits="All First First",
            additional=group("ALL", before),
            rules=[group("ALL", within(blasts, -90, 0, "at least", 1))],
        ),
        "additional_then_all": definition(
            [drug],
            limits="All All First",
            additional=group("ALL", before),
            rules=[group("ALL", within(blasts, -90, 0, "at least", 1))],
        ),
        "additional_empty_limits": definition(
            [drug], limits="All First First", additional=group("ALL"), rules=[group("ALL", before)]
        ),
        "qualified_without_additional": definition([drug], limits="All First First", rules=[group("ALL", before)]),
        "none_before": definition(
            [drug], rules=[group("ALL", within(rows("DrugExposure", 1), None, -1, "exactly", 0))]
        ),
        "at_most_one": definition([drug], rules=[group("ALL", within(blasts, -365, 0, "at most", 1))]),
        "exactly_two": definition([drug], rules=[group("ALL", within(blasts, None, None, "exactly", 2))]),
        "at_least_two_days": definition(
            [drug],
            rules=[group("ALL", within(leukaemia, None, 0, "at least", 2, IsDistinct=True, CountColumn="START_DATE"))],
        ),
        "at_least_two_concepts": definition(
            [drug], rules=[group("ALL", within(rows("DrugExposure", 0), -365, 365, "at least", 2, IsDistinct=True))]
        ),
        "outside_observation": definition(
            [drug], rules=[group("ALL", within(leukaemia, None, 0, "at least", 1, IgnoreObservationPeriod=True))]
        ),
        "death_after": definition([drug], rules=[group("ALL", within(rows("Death", None), 0, None, "at least", 1))]),
        "death_after_ignoring": definition(
            [drug],
            rules=[group("ALL", within(rows("Death", None), 1, 365, "at least", 1, IgnoreObservationPeriod=True))],
        ),
        "blasts_over_5_percent": definition(
            [drug],
            rules=[
                group(
                    "ALL",
                    within(
                        rows(
                            "Measurement",
                            3,
                            ValueAsNumber={"Value": 5, "Op": "gt"},
                            Unit=[{"CONCEPT_ID": 9, "CONCEPT_NAME": "percent"}],
                        ),
                        -180,
                        30,
                        "at least",
                        1,
                    ),
                )
            ],
        ),
        "blasts_5_to_20": definition(
            [drug],
            rules=[
                group(
                    "ALL",
                    within(
                        rows("Measurement", 3, ValueAsNumber={"Value": 5, "Extent": 20, "Op": "bt"}),
                        None,
                        None,
                        "at least",
                        1,
                    ),
                )
            ],
        ),
        "positive_result": definition(
            [drug],
            rules=[
                group(
                    "ALL",
                    within(
                        rows("Measurement", 3, ValueAsConcept=[{"CONCEPT_ID": 7, "CONCEPT_NAME": "positive"}]),
                        -365,
                        0,
                        "at least",
                        1,
                    ),
                )
            ],
        ),
        "first_leukaemia_near": definition(
            [drug], rules=[group("ALL", within(rows("ConditionOccurrence", 2, First=True), -180, 180, "at least", 1))]
        ),
        "any_of_two": definition(
            [drug],
            rules=[
                group(
                    "ANY",
                    within(blasts, -30, 30, "at least", 1),
                    within(rows("ProcedureOccurrence", 4), 0, 365, "at least", 1),
                )
            ],
        ),
        "at_least_two_of_three": definition(
            [drug],
            rules=[
                group(
                    "AT_LEAST",
                    before,
                    within(blasts, -90, 90, "at least", 1),
                    within(rows("DrugExposure", 1), None, 0, "at least", 1),
                    count=2,
                )
            ],
        ),
        "at_most_one_of_three": definition(
            [drug],
            rules=[
                group(
                    "AT_MOST",
                    before,
                    within(blasts, -90, 90, "at least", 1),
                    within(rows("DrugExposure", 1), None, 0, "at least", 1),
                    count=1,
                )
            ],
        ),
        "demographic": definition([drug], rules=[group("ALL", people=[girl]), group("ALL", before)]),
        "demographic_day": definition(
            [drug], rules=[group("ANY", people=[{"OccurrenceStartDate": {"Value": "2019-01-01", "Op": "gte"}}, girl])]
        ),
        "groups_in_groups": definition(
            [drug],
            rules=[
                group(
                    "ALL",
                    before,
                    groups=[
                        group("ANY", within(blasts, -60, 60, "at least", 1), people=[adult]),
                        group("ALL", within(rows("ConditionOccurrence", 5), None, 0, "exactly", 0)),
                    ],
                )
            ],
        ),
        "an_empty_group_inside": definition([drug], rules=[group("AT_LEAST", before, groups=[group("ALL")], count=2)]),
        "correlated_event": definition(
            [rows("DrugExposure", 0, CorrelatedCriteria=group("ALL", before)), rows("ProcedureOccurrence", 4)]
        ),
        "correlated_inside": definition(
            [drug],
            rules=[
                group(
                    "ALL",
                    within(
                        rows(
                            "Measurement",
                            3,
                            CorrelatedCriteria=group("ALL", within(leukaemia, -100, 100, "at least", 1)),
                        ),
                        None,
                        90,
                        "at least",
                        1,
                    ),
                )
            ],
        ),
        "correlated_exactly_none": definition(
            [drug],
            rules=[
                group(
                    "ALL",
                    within(
                        rows(
                            "ConditionOccurrence",
                            2,
                            CorrelatedCriteria=group("ANY", within(rows("DrugExposure", 1), 0, 60, "exactly", 0)),
                        ),
                        None,
                        0,
                        "exactly",
                        1,
                    ),
                )
            ],
        ),
        "ends_and_censors": definition(
            [drug],
            rules=[group("ALL", before)],
            EndStrategy={"DateOffset": {"DateField": "StartDate", "Offset": 30}},
            CensoringCriteria=[rows("ProcedureOccurrence", 4)],
            CollapseSettings={"CollapseType": "ERA", "EraPad": 60},
        ),
        "with_drug_eras_of_rules": definition(
            [drug],
            observed=(30, 30),
            limits="All All First",
            rules=[
                group("ALL", before),
                group("ALL", within(rows("DrugExposure", 1), -365, -1, "at most", 1)),
                group("ALL", within(rows("Death", None), 0, 30, "exactly", 0)),
            ],
        ),
    }
