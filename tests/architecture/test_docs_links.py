"""Every link between the pages of the project leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [ROOT / n for n in ("README.md", "CONTRIBUTING.md", "GLOSSARY.md", "CHANGELOG.md", "benchmarks/README.md")]
    pages += [p for p in (ROOT / "docs").rglob("*.md") if "parts" not in p.parts]
    dead = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            file, _, anchor = target.partition("#")
            there = (page.parent / file).resolve() if file else page
            if not there.exists() or not _has(there, anchor):
                dead.append(f"{page.name}: {target}")
    assert dead == []


def _has(page: Path, anchor: str) -> bool:
    return not anchor or page.suffix != ".md" or anchor in _anchors(page.read_text(encoding="utf-8"))


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))
