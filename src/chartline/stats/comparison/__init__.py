"""Several groups of patients over time: tests that compare their curves."""

PUBLIC: dict[str, str] = {
    "logrank_test": "logrank",
    "LogrankTest": "logrank",
    "max_combo_test": "max_combo",
    "MaxComboTest": "max_combo",
    "permutation_logrank_test": "permutation",
    "PermutationTest": "permutation",
}
