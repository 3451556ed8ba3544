"""Counts by category: proportions, their differences and ratios, tests of tables."""

PUBLIC = {
    "clopper_pearson": "proportion",
    "wilson": "proportion",
}
