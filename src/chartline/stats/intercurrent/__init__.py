"""Events on the way, such as transplantation, that change what a comparison means."""

PUBLIC: dict[str, str] = {}
