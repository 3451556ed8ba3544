"""Fixtures that every kind of test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from chartline.core.clinical import ClinicalData
from chartline.protocol.model import Protocol
from truth_data import truth_clinical_data

SHARED = Path(__file__).resolve().parents[2] / "shared"

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the project; tests that use it carry the marker `shared`."""
    return SHARED


@pytest.fixture(scope="session")
def truth_data(shared: Path) -> ClinicalData:
    """The reference study as the mapping room delivers it once every query is answered (marker `shared`)."""
    return truth_clinical_data(shared / "ino-cohort")


@pytest.fixture(scope="session")
def reference_protocol() -> Protocol:
    """The protocol of the reference study, read as plain YAML (the loader has its own tests)."""
    from ruamel.yaml import YAML

    path = Path(__file__).parents[1] / "examples" / "inotuzumab-india" / "protocol.yaml"
    return Protocol.model_validate(YAML(typ="safe").load(path.read_text(encoding="utf-8")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason="needs the folder ../shared beside the project")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)
