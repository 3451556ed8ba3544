"""How the patient side is run over parts of the subjects: which part a subject is in, where finished parts are kept,
and the worker processes. What is done with a part is `pipeline/parted.py`'s matter."""
