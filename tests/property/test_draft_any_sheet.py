"""Whatever headings and cells a sheet has, its draft is a mapping that is valid as it stands and reads the sheet.

Headings are drawn from the vocabulary, with cycles, lines and units put before and after them; cells from what people
write. A draft may ask about every column, but no column may be left neither read nor ignored, and no record may be
proposed that can never exist.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chartline.draft.draft import draft_centre
from chartline.draft.words import listed, vocabulary
from chartline.draft.write import yaml_text
from chartline.errors import SourceError
from chartline.mapping.apply import map_centre
from chartline.mapping.load import load_mapping
from chartline.mapping.model import Mapping
from chartline.protocol.load import load_protocol
from chartline.sources.read import read_centre

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "inotuzumab-india"
PROTOCOL = load_protocol(EXAMPLE)
SIGNED = [load_mapping(file) for file in sorted((EXAMPLE / "mappings").glob("*.yaml"))]
PHRASES = sorted({w for r in vocabulary("synonyms.csv") if r["variable"] for w in listed(r["words"])})
CELLS = (
    *("", "?", "ND", "Total", "* provisional", "CR", "CRi", "alive", "positive", "MUD", "grade 3", "Y", "no", "1", "0"),
    *("13/04/2019", "2019-04-13", "04.2019", "13-Apr-19", "44256", "7.5", "1,2", "<5", "2-3", "1.2 lakh", "180"),
)
headings = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "", "C1 ", "C2 ", "L1 ", "AE1 "]),
    st.sampled_from(PHRASES),
    st.sampled_from(["", "", "", " 1", " (%)", " (mg/dL)", " /uL"]),
)
tables = st.lists(headings, min_size=1, max_size=7, unique=True).flatmap(
    lambda heads: st.tuples(
        st.just(heads),
        st.lists(st.lists(st.sampled_from(CELLS), min_size=len(heads), max_size=len(heads)), min_size=1, max_size=6),
    )
)
names = st.sampled_from(["master", "labs", "doses", "follow up", "prior therapy", "adverse events", "marrow"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names, tables, st.sampled_from([[], SIGNED]))
def test_a_draft_is_a_mapping_that_reads_its_files(
    name: str, table: tuple[list[str], list[list[str]]], signed: list[Mapping]
) -> None:
    heads, rows = table
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "k").mkdir()
        with (Path(folder) / "k" / f"{name}.csv").open("w", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows([["Study No", *heads], *([f"N-{i:02}", *row] for i, row in enumerate(rows))])
        try:
            draft = draft_centre(Path(folder) / "k", None, PROTOCOL, "K", signed)
        except SourceError:  # two columns and one row may be no table
            return
        file = Path(folder) / "draft.yaml"
        file.write_text(yaml_text(draft), encoding="utf-8")
        mapping = load_mapping(file)
        map_centre(read_centre(Path(folder) / "k", mapping.sources, mapping.ignore_files), mapping)
