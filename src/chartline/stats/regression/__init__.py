"""Models of a time or an outcome on covariates: Cox, its penalised and stratified forms, logistic regression."""

PUBLIC: dict[str, str] = {
    "Outcomes": "logistic",
    "estimate_firth_cox": "firth_cox",
    "estimate_firth_logistic": "firth_logistic",
    "estimate_logistic": "logistic",
}
