"""The declared statistics that no recorded case covers, each with the reason and the test that covers it instead.

The only exceptions to "every declared statistic is certified": the certificate prints them, `chartline verify` fails
for any other, and `tests/architecture/test_architecture_verify.py` keeps the list true and short.
"""

from __future__ import annotations

SUITE_ONLY: dict[str, str] = {}
