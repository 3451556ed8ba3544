"""Several ways to leave: cumulative incidence, its test and regression, multistate probabilities."""

PUBLIC = {
    "estimate_cumulative_incidence": "cumulative_incidence",
    "estimate_cumulative_incidences": "cumulative_incidence",
    "estimate_relapse_nrm_rfs": "cumulative_incidence",
}
