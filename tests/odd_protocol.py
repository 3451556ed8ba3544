"""A protocol with every odd label that a form can be asked to show: signs of formulas, pipes, commas, brackets, letters
of other alphabets, a label longer than a prompt, equal labels, names that begin alike, conditions of every shape."""

from __future__ import annotations

from typing import Any

ODD: dict[str, Any] = {
    "chartline": "protocol/1",
    "study": {"id": "=ODD&1", "title": "=HYPERLINK(1) Étude à Zürich – 研究"},
    "data": {
        "cut_off": "2023-12-31",
        "centres": [{"id": "F", "label": "=1+1", "folder": "centres/F", "mapping": "mappings/F.yaml"}],
    },
    "treatment": {"drug": "BLINATUMOMAB", "label": "=blina", "abbreviation": ""},
    "characteristics": {
        "KARYO": {
            "label": "=cmd|' /C calc'!A0 karyotype, with a | pipe and [brackets] (braces) "
            "and a very long label that goes on and on because someone wrote a "
            "whole sentence about how to read it, more than two hundred and "
            "fifty-five characters of it, in fact so many that nobody will ever "
            "read them to the very end of the line, except us",
            "from": "MH",
            "where": "MHCAT == 'KARYO'",
            "value": "MHORRES",
            "categories": [
                "t(9;22), Ph+",
                "a | b",
                "=1+1",
                "-5",
                "@x",
                "é ü 研究",
                "Y",
                "N",
                "complex (>=5 abnormalities), hypodiploid <40, near-haploid, "
                "and all others that a laboratory may ever report in its "
                "words",
            ],
        },
        "DUPL": {
            "label": "Same",
            "from": "MH",
            "where": "MHCAT == 'DUPL'",
            "value": "MHORRES",
            "categories": ["AA", "BB"],
            "labels": {"AA": "Same label", "BB": "same LABEL"},
        },
        "DUPL2": {"label": "same", "from": "MH", "where": "MHCAT == 'DUPL2'", "value": "MHORRES"},
        "AVERYLONGNAMEOFACHARACTERISTICTHATISLONG": {
            "label": "Long name",
            "from": "MH",
            "where": "MHCAT == 'LONG'",
            "value": "MHORRES",
            "type": "number",
            "unit": "%",
        },
        "AVERYLONGNAMEOFACHARACTERISTICTHATISLONG2": {
            "label": "Long name 2",
            "from": "MH",
            "where": "MHCAT == 'LONG2'",
            "value": "MHORRES",
            "type": "integer",
        },
        "FREE": {"label": "Free", "from": "MH", "where": "MHCAT == 'A' or MHCAT == 'B'", "value": "MHORRES"},
        "NREL": {
            "label": "Relapses before",
            "from": "MH",
            "where": "MHCAT == 'RELAPSE'",
            "value": "MHTERM",
            "take": "count",
            "type": "integer",
        },
        "RECORD_ID": {"label": "Record", "from": "MH", "where": "MHCAT == 'REC'", "value": "MHORRES", "type": "flag"},
        "CNS": {
            "label": "CNS",
            "from": "RS",
            "where": "RSVISIT == 'DAY 29' and MRDSPEC == 'BLOOD'",
            "value": "MRDVAL",
            "type": "number",
        },
    },
    "eligibility": [{"id": "k", "label": "karyo", "require": "KARYO in ('Y', 'other thing')"}],
    "sets": {"all": {"label": "All", "where": "ELIGFL == 'Y'"}},
    "milestones": {
        "agvhd": {
            "label": "acute GVHD",
            "from": "AE",
            "where": "AETERM == 'acute GVHD' and AETOXGR >= 3",
            "after": "transplant",
        },
        "cgvhd": {"label": "chronic GVHD", "from": "CM", "where": "CMINDC == 'chronic GVHD'", "after": "transplant"},
        "crt": {"label": "radiotherapy", "from": "PR", "where": "PRTRT == 'RADIOTHERAPY'"},
    },
    "transplant": {"from": "PR", "where": "PRTRT == 'ALLOGENEIC HSCT'"},
    "new_therapy": {"from": "CM", "where": "CMCAT == 'NEW'"},
    "syndromes": {
        "CRS": {"criteria": "crs_astct"},
        "ICANS": {"criteria": "icans_astct"},
        "TLS": {"criteria": "tls_cairo_bishop"},
        "VOD": {"criteria": "vod_ebmt_2023"},
    },
    "endpoints": [{"id": "OS", "use": "overall_survival", "population": "all"}],
    "analyses": [{"id": "os", "kind": "survival", "label": "OS", "endpoint": "OS", "at_months": [12]}],
}
