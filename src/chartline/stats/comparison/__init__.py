"""Several groups of patients over time: tests that compare their curves."""

PUBLIC: dict[str, str] = {}
