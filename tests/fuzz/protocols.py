"""The protocols that are changed: the reference study's in parts, and the short ones of other studies.

In: a protocol's text. Out: protocols (text), each of which loads. Reading a protocol is nearly all of a run's time, and
goes by its length: part by part each line is changed as often, in a third of the time.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
SHORT = [
    ROOT / "examples" / "all-aall0232" / "protocol.yaml",
    ROOT / "examples" / "aml-amlsg-0704" / "protocol.yaml",
    ROOT / "src" / "chartline" / "simulate" / "study" / "protocol.yaml",
    ROOT / "tests" / "data" / "gibleed" / "protocol.yaml",
]
_PARTS = 6


def protocol_texts(reference: str) -> list[bytes]:
    """Return the reference study's protocol in parts, then the short ones of `SHORT`."""
    return [*_parts(reference), *(path.read_bytes() for path in SHORT)]


def _parts(text: str) -> list[bytes]:
    """Each part has every n-th analysis, what those speak of, and of the other long sections only what is about them;
    the first also declares a multiverse."""
    whole = YAML(typ="safe").load(text)
    return [_written(_part(YAML(typ="safe").load(text), n, whole)) for n in range(_PARTS)]


def _part(part: dict[str, Any], n: int, whole: dict[str, Any]) -> dict[str, Any]:
    kept = {one["id"] for one in whole["analyses"][n::_PARTS]}
    if n == 0:
        kept |= {"mrd_negative_rate", "deep_response_rate", "liver_g34_rate"}  # which the multiverse switches
    kept |= {one["of"] for one in whole["analyses"] if one["id"] in kept and "of" in one}
    part["analyses"] = [one for one in whole["analyses"] if one["id"] in kept]
    part["headline"] = {key: one for key, one in whole["headline"].items() if one["analysis"] in kept}
    part["published"] = [one for one in whole["published"] if one["headline"] in part["headline"]]
    used = {one.get("endpoint") for one in part["analyses"]} | ({"DOR", "RFS"} if n == 0 else set())
    part["endpoints"] = [one for one in whole["endpoints"] if one["id"] in used]
    every = {one["id"] for one in whole["analyses"]} | set(whole["headline"])
    gone = every - kept - set(part["headline"])
    part["report"] = {key: _without(value, gone) for key, value in whole["report"].items()}
    if n:
        del part["multiverse"]
    else:
        part["multiverse"]["outcomes"] = [
            one for one in whole["multiverse"]["outcomes"] if one.split("/")[0] not in gone
        ]
    return part


def _without(value: Any, gone: set[str]) -> Any:
    return [one for one in value if one not in gone] if isinstance(value, list) else value


def _written(document: dict[str, Any]) -> bytes:
    """YAML with its innermost lists and mappings on one line, as people write it."""
    out = io.BytesIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None
    writer.sort_base_mapping_type_on_output = False  # of options the first is the one that is used
    writer.width = 1_000
    writer.dump(document, out)
    return out.getvalue()
