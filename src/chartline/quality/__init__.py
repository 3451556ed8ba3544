"""The quality of the data, centre by centre: completeness, queries, follow-up, delay, partial dates."""
