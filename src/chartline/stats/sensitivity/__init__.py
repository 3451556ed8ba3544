"""What other assumptions would have changed."""

PUBLIC: dict[str, str] = {
    "adjust_p": "multiplicity",
    "e_value": "e_value",
}
