"""Several ways to leave: cumulative incidence, its test and regression, multistate probabilities."""

PUBLIC: dict[str, str] = {}
