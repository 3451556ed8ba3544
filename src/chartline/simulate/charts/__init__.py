"""Synthetic centres for any protocol: patients drawn for what its forms ask, written in the five shapes of charts.

In: a protocol. Out: a study that can be run: the protocol with centres of its own, their files, signed mappings, and
what is true of the patients. All is drawn from the distributions in `patients.py` and `draw.py`; nothing is of a
real patient.
"""
