"""What people decided about a study: an append-only log in one SQLite file of the study's folder.

In: entries (opened, exported, answered, amended, accepted, reopened, closed, locked, ...). Out: the standing of every
query, the amendments in force, the lock; and the same as plain text beside the file.
"""
