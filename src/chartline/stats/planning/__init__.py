"""Precision and power before the data."""

PUBLIC = {
    "interval_precision": "precision",
    "n_for_interval_width": "precision",
    "upper_bound_of_none": "precision",
    "survival_precision": "precision",
    "n_for_survival_width": "precision",
    "hazard_ratio_precision": "precision",
    "events_for_hazard_ratio_factor": "precision",
    "Recruitment": "power",
    "hazard_of_median": "power",
    "event_probability": "power",
    "logrank_power": "power",
    "logrank_events": "power",
    "trial_power": "power",
    "logrank_sample_size": "power",
    "one_arm_power": "one_arm",
    "one_arm_design": "one_arm",
    "simon_two_stage": "one_arm",
    "one_sample_logrank_power": "one_arm",
    "one_sample_logrank_size": "one_arm",
}
