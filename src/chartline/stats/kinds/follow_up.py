"""Rows for follow-up: the reverse Kaplan-Meier curve, and how complete follow-up is."""

from __future__ import annotations

from chartline.stats.kinds.survival import curves as curves
from chartline.stats.kinds.survival import estimate as estimate
