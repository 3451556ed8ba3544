"""The certificate: every statistic computed again on this machine and compared with what R or a textbook gave.

data/           inputs that ship: made by `tests/reference/make_inputs.py`, or published facts small enough to type
reference/      recorded outputs, one JSON file a topic, each written by the script that it names
replays/        one module a topic: how a recorded case is computed here
cases.py        reads them; `verify.py` computes and compares; `suite_only.py` has the exceptions
certificate.py  what came of it; `document.py`, `sources.py` and `wording.py` say it, `write.py` writes the files
"""
