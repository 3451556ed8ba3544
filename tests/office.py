"""LibreOffice Calc, where it is installed: another program that opens and saves spreadsheets."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


def _calc() -> str | None:
    """`soffice`, where it can open spreadsheets: Debian installs it with Writer alone as well."""
    program = shutil.which("soffice")
    if program is None:
        return None
    home = Path(program).resolve().parents[1]  # Debian: lib/libreoffice; macOS: LibreOffice.app/Contents
    return program if any(home.glob("*/libsclo.*")) else None


CALC = _calc()
needs_calc = pytest.mark.skipif(CALC is None, reason="LibreOffice Calc (soffice) is not installed")
