"""Several ways to leave: cumulative incidence, its test and regression, multistate probabilities."""

PUBLIC = {
    "TimeEffect": "fine_gray",
    "count_at_risk": "state_counts",
    "count_transitions": "state_counts",
    "estimate_cumulative_incidence": "cumulative_incidence",
    "estimate_cumulative_incidences": "cumulative_incidence",
    "estimate_fine_gray": "fine_gray",
    "estimate_mean_count": "mean_count",
    "estimate_relapse_nrm_rfs": "cumulative_incidence",
    "estimate_states": "multistate",
    "gray_test": "gray",
    "illness_death": "illness_death",
}
