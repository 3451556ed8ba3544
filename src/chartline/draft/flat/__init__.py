"""flat: tables that are known by their headings -> records of a mapping.

table.py     a table -> its entry
subject.py   whose a row is
headings.py  a heading taken apart: unit, place in a group, modifiers
columns.py   headings and values -> proposals
confidence.py  how sure each is
reading.py   how a column is read: unit, code list, dates
records.py   columns -> records
"""
