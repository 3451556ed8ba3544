"""What the mappings of a study can ever give, against what its protocol asks for by name.

In: the protocol and every centre's mapping, before any file is read. Out: nothing, or a ProtocolError. A value that can
never occur would count nobody, in silence.
"""

from __future__ import annotations

from collections.abc import Iterable

from chartline.mapping.blocks import plan
from chartline.mapping.model import Mapping
from chartline.mapping.words import terms
from chartline.protocol.model import Protocol
from chartline.protocol.place import Place, check_known


def possible_values(mapping: Mapping, domain: str, variable: str) -> frozenset[str] | None:
    """Return the values that a mapping can give a variable: constants and terms of its value tables.

    None where anything can come, because a column is read as it stands.
    """
    found: set[str] = set()
    for block in plan(mapping).blocks:
        if block.domain != domain:
            continue
        if variable in block.constants:
            found.add(block.constants[variable])
        if variable in block.cells:
            reading = block.cells[variable].reading
            if reading.codes is None and reading.terms is None:
                return None
            found |= {term for _, term in reading.codes or ()} | {*(reading.terms or ())}
    return frozenset(found)


def check_remission(protocol: Protocol, mappings: Iterable[Mapping], file: str) -> None:
    """Raise ProtocolError where `prior_therapy.remission` names a best response that no centre can give.

    Known are the responses of the vocabulary (a centre need not have seen every one) and what the value tables say
    besides. Where a centre's column is read as it stands, anything is possible and nothing is refused.
    """
    prior = protocol.prior_therapy
    if prior is None or prior.lines.source != "MH":  # only MH has a best response
        return
    known = dict.fromkeys(terms("RS", "INVRESP", "code") or ())
    for mapping in mappings:
        values = possible_values(mapping, "MH", "MHBESTRSP")
        if values is None:
            return
        known |= dict.fromkeys(sorted(values))
    for i, response in enumerate(prior.remission):
        place = Place(file, ("prior_therapy", "remission", i))
        check_known(response, known, "best response to a line (MHBESTRSP)", place)
