"""Numbers: summaries of one group, comparisons of several."""

PUBLIC = {
    "summarise": "summary",
    "quantile": "summary",
}
