"""Every key of a protocol is read by some room: a key that is accepted and does nothing would be a promise not kept."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from chartline.protocol import model

SOURCE = Path(__file__).resolve().parents[2] / "src" / "chartline"


@pytest.fixture(scope="module")
def read() -> set[str]:
    """Every attribute name and text that occurs in the code outside the declaration itself."""
    out: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path != SOURCE / "protocol" / "model.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    out.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    out.add(node.value)
    return out


@pytest.mark.parametrize(
    "declared",
    [
        t
        for t in vars(model).values()
        if isinstance(t, type) and hasattr(t, "model_fields") and t.__module__ == model.__name__
    ],
    ids=lambda t: t.__name__,
)
def test_no_key_of_the_protocol_is_without_effect(declared: type, read: set[str]) -> None:
    # `chartline` is the version of the format, checked when the file is read
    assert set(declared.model_fields) - read - {"chartline"} == set()  # type: ignore[attr-defined]
