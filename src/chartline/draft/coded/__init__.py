"""coded: tables whose rows say themselves what they are, by code or concept (FHIR, OMOP) -> records of a mapping.

kinds.py       what a kind of row is about: by its code, else by its words
table.py       the bookkeeping of a table: which column is read as what
structure.py   what the structure itself says of a column, and of columns left over
composite.py   several values in one text
records.py     records that both dialects make alike
fhir*.py, omop*.py   the dialects
"""
