"""protocol.yaml -> Protocol, read and resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chartline.core.declared import load_declaration
from chartline.core.digest import digest_value
from chartline.errors import ProtocolError
from chartline.protocol.atlas import read_definition
from chartline.protocol.model import Protocol
from chartline.protocol.place import Place
from chartline.protocol.resolve import resolve
from chartline.protocol.selection import AtlasSelection
from chartline.protocol.specify import check_multiverse


def load_protocol(path: Path) -> Protocol:
    """Return the protocol in `path` (the file, or a study folder that holds `protocol.yaml`).

    Raises `ProtocolError` with the line for anything unknown, missing or unresolved.
    """
    file = protocol_file(path)
    protocol = load_declaration(file, Protocol, ProtocolError)
    texts = protocol.model_dump(mode="json", by_alias=True, exclude={"own_checks"})  # there, `{NAME}` is a value
    _check_texts(texts, Place(str(file)))
    protocol = _with_definition(protocol, file)
    resolve(protocol, str(file))
    check_multiverse(protocol, str(file))
    return protocol


def _with_definition(protocol: Protocol, file: Path) -> Protocol:
    """Return the protocol with what the cohort definition says that it names."""
    if not isinstance(protocol.selection, AtlasSelection):
        return protocol
    definition = read_definition(file.parent / protocol.selection.circe)
    _check_texts([rule.name for rule in definition.InclusionRules], Place(str(file), ("selection", "circe")))
    _check_texts([one.name for one in definition.ConceptSets], Place(str(file), ("selection", "circe")))
    selection = protocol.selection.model_copy(update={"definition": definition})
    return protocol.model_copy(update={"selection": selection})


def _check_texts(value: Any, place: Place) -> None:
    """Raise `ProtocolError` for a text with a curly bracket: sentences about patients are built around these texts, and
    a curly bracket is where a value goes."""
    if isinstance(value, str) and ("{" in value or "}" in value):
        raise ProtocolError(
            f"The text `{value}` has a curly bracket", where=str(place), expected="text without { and }",
            do="use round or square brackets",
        )  # fmt: skip
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(str(key), place)
            _check_texts(inner, place.at(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _check_texts(inner, place.at(i))


def protocol_file(path: Path) -> Path:
    """Return the protocol's file: `path` itself, or `protocol.yaml` in that folder."""
    return path / "protocol.yaml" if path.is_dir() else path


def study_home(path: Path) -> Path:
    """Return the folder of a study, where its state is kept. Raises `ProtocolError` where there is no study."""
    file = protocol_file(path)
    if not file.is_file():
        raise ProtocolError(
            f"There is no study: no file {file.name}", where=str(file.parent.resolve()),
            expected="a folder with protocol.yaml, or the protocol file itself", do="check the name of the folder",
        )  # fmt: skip
    return file.parent


def protocol_digest(protocol: Protocol) -> str:
    """Return the sha256 of what the protocol declares (not of how its file is written)."""
    return digest_value(protocol.model_dump(mode="json", by_alias=True))
