"""The certificate of what is installed here, made by the command as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from chartline.stats.statistic import declared_statistics
from chartline.verify.suite_only import SUITE_ONLY


def test_this_installation_is_certified(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "chartline.cli", "verify", "--out", "here", "--json", "result.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["agrees"] is True
    assert result["statistics"] == len(declared_statistics()) - len(SUITE_ONLY) >= 60
    assert result["values"] == result["agreeing"] >= 1000
    assert f"{result['values']:,} values, {result['agreeing']:,} agree" in done.stdout
    assert len(done.stdout.splitlines()) > result["statistics"]
    html = (tmp_path / "here" / "validation.html").read_text(encoding="utf-8")
    assert "Every value agrees with its reference" in html
    assert [s["label"] for s in result["by_statistic"] if s["label"].partition("'")[0] not in html] == []
    assert (tmp_path / "here" / "validation.pdf").stat().st_size > 100_000
