"""The variance between specifications, computed again."""

from __future__ import annotations

from typing import Any

import numpy as np

from chartline.stats.sensitivity.specifications import decompose_specifications
from chartline.verify.cases import Case


def specification_variance(case: Case) -> dict[str, Any]:
    shape = tuple(int(k) for k in case.arguments["shape"])
    parts = decompose_specifications(np.array(case.column("y"), dtype=float).reshape(shape))
    return {
        "share": list(parts.share),
        "interaction": parts.interaction,
        "means": [float(m) for of in parts.means for m in of],
        "spread": list(parts.spread),
    }


REPLAYS = {"specification_variance": specification_variance}
