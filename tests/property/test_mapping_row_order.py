"""The order of rows in a file changes no mapped value, only the order of the rows."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chartline.mapping.apply import map_centre
from chartline.sources.base import SourceTable
from mapping_tables import mapping, source, table

RECORDS: list[dict[str, Any]] = [
    {
        "domain": "RS",
        "variables": {"RSDTC": "day", "MRDCLASS": {"column": "mrd", "codes": {"NEGATIVE": "neg"}}, "MRDVAL": "v"},
    },
    {
        "domain": "LB",
        "variables": {"LBTESTCD": {"constant": "BILI"}, "LBDTC": "day", "LBORRES": {"column": "v", "unit": "mg/dL"}},
    },
    {"domain": "AE", "where": {"mrd": {"present": True}}, "variables": {"AETERM": "mrd"}},
]
MAP = mapping({"S": {"subject": "id", "records": RECORDS}}, dates={"order": "DMY"}, missing=["NA"])
row = st.tuples(
    st.sampled_from(["P1", "P2", "P3"]),
    st.sampled_from(["03/04/2020", "04/2020", "31/02/2020", "soon", "NA", "", "2020-01-02!d"]),
    st.sampled_from(["neg", "NEG", "negtive", "NA", ""]),
    st.sampled_from(["0.7", "<0.2", "1,5", "NA", "", "x"]),
)


def result(t: SourceTable, order: list[int]) -> tuple[dict[str, list[Any]], set[tuple[Any, ...]]]:
    assert t.kinds is not None
    turned = SourceTable(
        t.file, t.name, t.frame[order], t.places, [t.row_labels[i] for i in order], t.kinds[order], grid=True
    )
    data, queries = map_centre(source(turned), MAP)
    rows = {d: sorted(f.drop("SEQ", "ROW", "BLOCK").rows(), key=str) for d, f in data.domains.items()}
    # a column query lists its cells in the order of the file
    return rows, {(q.rule, q.severity, q.subject, tuple(sorted(q.addresses)), q.topics) for q in queries}


@settings(max_examples=15, deadline=None)
@given(st.lists(row, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_row_order_is_irrelevant(rows: list[tuple[str, ...]], random: Any) -> None:
    text = "id | day | mrd | v\n" + "\n".join(" | ".join(r) for r in rows)
    t = table("S", text)
    order = list(range(t.frame.height))
    random.shuffle(order)
    assert result(t, list(range(t.frame.height))) == result(t, order)
