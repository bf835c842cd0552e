"""The tiny models, for the backends that run one."""

from __future__ import annotations

import pytest

from generation.worker.settings import LocalModel
from tests.generation.local_models import tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return tiny_model(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    """The tiny model with a safety checker that withholds everything."""
    return tiny_model(tmp_path_factory.getbasetemp(), withholds=True)
