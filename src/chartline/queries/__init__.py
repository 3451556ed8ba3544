"""The loop with the centres: what they are asked, how they answer, and where each query stands.

In: the queries of a study, answered workbooks. Out: a workbook and a printable list a centre; amendments and entries of
the study's log; the board.
"""
