"""What other assumptions would have changed."""

PUBLIC: dict[str, str] = {
    "best_case": "lost",
    "bound_by_lost": "lost",
    "censor_lost": "lost",
    "worst_case": "lost",
    "find_tipping_point": "tipping_point",
    "estimate_leave_one_out": "leave_one_out",
    "leave_one_out": "leave_one_out",
    "adjust_p": "multiplicity",
    "e_value": "e_value",
    "estimate_imputed_cox": "imputed_models",
    "estimate_imputed_logistic": "imputed_models",
    "hazard_predictors": "imputation",
    "columns_of_counts": "imputation",
    "impute": "imputation",
    "rubin": "rubin",
    "decompose_specifications": "specifications",
    "estimate_turnbull": "turnbull",
}
