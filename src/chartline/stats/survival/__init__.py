"""One group of patients over time: curves, quantiles, means, hazards, follow-up."""

PUBLIC = {
    "estimate_curve": "kaplan_meier",
    "estimate_curves_by_group": "kaplan_meier",
    "reverse": "follow_up",
}
