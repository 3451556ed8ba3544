"""What other assumptions would have changed."""

PUBLIC: dict[str, str] = {}
