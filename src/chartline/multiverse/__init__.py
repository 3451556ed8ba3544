"""Every combination of the analytical choices that a protocol declares as open, from one reading of the data."""
