"""Numbers: summaries of one group, comparisons of several."""

PUBLIC = {
    "summarise": "summary",
    "quantile": "summary",
    "values_of": "table",
    "rank_sum_test": "rank_tests",
    "signed_rank_test": "rank_tests",
    "kruskal_wallis_test": "rank_groups",
    "jonckheere_test": "rank_groups",
    "estimate_shift": "hodges_lehmann",
    "estimate_pseudomedian": "hodges_lehmann",
    "t_test": "t_test",
    "paired_t_test": "t_test",
    "one_way_anova": "t_test",
    "standardised_difference": "standardised_difference",
    "hedges_g": "standardised_difference",
    "quantile_interval": "median_interval",
    "choose_test_for_numbers": "choose",
    "choose_test_for_categories": "choose",
}
