"""Events on the way, such as transplantation, that change what a comparison means."""

PUBLIC: dict[str, str] = {
    "split_at": "split",
    "split_counts": "split",
    "ever_before_end": "split",
    "landmark_data": "landmark",
    "after_landmark": "landmark",
    "landmark_test": "landmark",
    "LandmarkData": "landmark",
    "LandmarkTest": "landmark",
    "estimate_simon_makuch": "simon_makuch",
    "SimonMakuch": "simon_makuch",
    "GroupCurve": "simon_makuch",
    "mantel_byar_test": "mantel_byar",
    "naive_comparison": "naive",
    "NaiveComparison": "naive",
    "apply_strategy": "strategies",
    "STRATEGIES": "strategies",
    "Strategy": "strategies",
    "StrategyData": "strategies",
    "StateTable": "strategies",
}
