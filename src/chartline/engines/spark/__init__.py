"""The patient side on Spark: `session.py` starts and watches it, `database.py` is an OMOP database that it reads,
`parts.py` hands each part of the persons to the same Polars functions as on one machine.

Nothing here is needed without the extra `spark`, and nothing imports Spark before it is asked for.
"""
