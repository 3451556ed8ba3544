"""Models of a time or an outcome on covariates: Cox, its penalised and stratified forms, logistic regression."""

PUBLIC: dict[str, str] = {
    "estimate_cox": "cox",
    "nested_test": "cox",
}
