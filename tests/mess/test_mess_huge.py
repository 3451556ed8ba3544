"""A large CSV file is read in little more memory than its table takes: 16 bytes a value of up to 12 letters.

`make huge` reads 2 GB (1,000,000 rows by 200 columns); here it is a twentieth of that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROWS = int(os.environ.get("CHARTLINE_HUGE_ROWS", "50000"))
COLUMNS = 200
MIB = 1 << 20


def test_memory_is_bounded_by_the_table(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("huge_csv.py")), str(ROWS), str(COLUMNS), str(tmp_path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    table = 16 * found["cells"]
    most = 1.4 * table + 300 * MIB  # what the allocator keeps, and the block of 32 MB in work, in its several forms
    print(found, f"{(found['peak'] - found['before']) / MIB:.0f} of at most {most / MIB:.0f} MB")
    assert found["bytes"] > 1_900 * ROWS
    assert found["peak"] - found["before"] < most
    (tmp_path / "huge.csv").unlink()
