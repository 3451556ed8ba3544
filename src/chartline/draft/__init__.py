"""draft: from files never seen before to a proposed mapping, which a person reads, corrects and signs.

    verb.py, draft.py   the command; a centre's files -> a draft
    find/          the files of a folder -> sources, and how each is laid out
    flat/          tables with headings (sheets, delimited text, REDCap) -> records
    coded/         tables whose rows say what they are (FHIR, OMOP) -> records
    profile.py, dates.py   a column -> what it holds: kind, share filled, samples, a verdict on its dates
    words.py       a heading -> what it may mean, by the field's words in `vocabulary/`
    codes.py, units.py, lists.py   value by value, unit by unit, and the code lists that hold them
    fold.py        records that differ in some words -> one pattern
    known.py       what is already signed for other centres of the study, and is reused and cited
    replay.py      a new version of a centre's files against its mapping: only the differences
    write.py, review.py   the draft as YAML and as a workbook to read beside it

A draft decides nothing. What is uncertain is an open question in it, and a mapping that nobody signed is refused by
every run.
"""
