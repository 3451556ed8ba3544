"""Models of a time or an outcome on covariates: Cox, its penalised and stratified forms, logistic regression."""

PUBLIC: dict[str, str] = {
    "Outcomes": "logistic",
    "choose_cox_method": "guards",
    "choose_logistic_method": "guards",
    "compare_centre_models": "centre",
    "estimate_firth_cox": "firth_cox",
    "estimate_firth_logistic": "firth_logistic",
    "estimate_frailty_cox": "frailty",
    "estimate_logistic": "logistic",
    "events_per_variable": "guards",
    "find_monotone": "guards",
    "find_separation": "logistic",
    "estimate_cox": "cox",
    "nested_test": "cox",
}
