"""Precision and power before the data."""

PUBLIC: dict[str, str] = {}
