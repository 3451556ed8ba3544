"""draft: from files never seen before to a proposed mapping, which a person reads, corrects and signs.

    discover.py   the files of a folder -> sources, and how each is laid out (layout.py)
    profile.py    a column -> what it holds: kind, share filled, samples, a verdict on its dates (dates.py)
    words.py      a heading -> what it may mean, by the field's words in `vocabulary/`
    columns.py    the columns of a flat table -> proposals (context, wide groups, values decide what words leave open)
    fhir.py, omop.py   the same for structures that are known
    codes.py, units.py   value by value, unit by unit
    blocks.py     proposals -> records of a mapping
    known.py      what is already signed for other centres of the study, and is reused and cited
    replay.py     a new version of a centre's files against its mapping: only the differences
    write.py, review.py   the draft as YAML and as a workbook to read beside it

A draft decides nothing. What is uncertain is an open question in it, and a mapping that nobody signed is refused by
every run.
"""
