"""One group of patients over time: curves, quantiles, means, hazards, follow-up."""

PUBLIC = {
    "estimate_curve": "kaplan_meier",
    "estimate_curves_by_group": "kaplan_meier",
    "estimate_restricted_mean": "restricted_mean",
    "compare_restricted_means": "restricted_mean",
    "estimate_cumulative_hazard": "nelson_aalen",
    "estimate_hazard_survival": "nelson_aalen",
    "estimate_smoothed_hazard": "hazard",
    "estimate_piecewise_hazard": "hazard",
    "estimate_landmark_curve": "landmark",
    "estimate_conditional_survival": "landmark",
    "estimate_completeness": "follow_up",
    "estimate_event_rate": "event_rate",
    "estimate_follow_up_rates": "follow_up",
    "reverse": "follow_up",
}
