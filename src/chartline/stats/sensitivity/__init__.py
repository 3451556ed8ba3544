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
}
