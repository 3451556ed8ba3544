"""Identifiers by which Dataset-JSON refers to Define-XML: the study, the metadata, a dataset, a variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chartline.exchange.model import FinishedRun


def study_oid(run: FinishedRun) -> str:
    return f"ST.{run.study}"


def metadata_oid(run: FinishedRun) -> str:
    """The metadata of one protocol: another protocol has another digest."""
    return f"MDV.{run.study}.{run.protocol_digest[:16]}"


def item_group_oid(dataset: str) -> str:
    return f"IG.{dataset}"


def item_oid(dataset: str, variable: str) -> str:
    return f"IT.{dataset}.{variable}"
