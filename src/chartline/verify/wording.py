"""The certificate's fixed words: what agreement means, how its tables are read, and what it does not say."""

from __future__ import annotations

from chartline.verify.cases import IN_THE_CASE

AGREEMENT = (
    "Two numbers agree to d significant digits if their difference, divided by the reference, is at most 10 to the "
    "power of −d. Each value must agree to the digits that its case asks for: 8, unless a reason is printed below. "
    "Digits are rounded down. Where the reference is exactly 0, which has no significant digits, what is computed must "
    "be smaller than 10⁻¹³. Where the reference has no value (a median that is not reached), there must be none here "
    "either, and an infinite one must be infinite here too.",
    "The references were recorded once, with the programs and versions named, by the scripts named; nothing of what is "
    "computed here went into them. R is not needed to verify. The recorded numbers have 17 significant digits, so that "
    "nothing is lost in writing them down.",
)
HOW_TO_READ = (
    "Under each statistic: what it gives, what it was compared with, and the data (listed further below; "
    f'"{IN_THE_CASE}": each case holds its own numbers). Largest difference: relative to the reference, over all '
    "values; absolute where that is 0. Digits: the fewest reached, and those asked; all: every value is the same "
    "double."
)
HELD_IN_CASES = (
    "Published tables and numbers small enough to type, and designs that need no data: each recorded case holds its "
    "own."
)
NOT_CERTIFIED = (
    (
        "The choice of a statistic.",
        "That it is the right one for a question, or that what it assumes holds in a study.",
    ),
    (
        "The programs compared with.",
        "Whether they are themselves right; where they differ in a convention, the one that is followed is named.",
    ),
    (
        "Whatever comes before the counts.",
        "Reading charts, mapping, checks, cohort, derivation: the test suite covers these, and so do the queries and "
        "the trace of each study; no number here does.",
    ),
    (
        "Other data, options, versions and machines.",
        "Those of the recorded cases were compared, here. The certificate can be made again wherever the program runs.",
    ),
    (
        "The report.",
        "How numbers are rounded and worded there is tested elsewhere.",
    ),
    (
        "Fitness for regulated use.",
        "This is research software, not a medical device; a certificate is evidence for a validation, not the "
        "validation.",
    ),
)
