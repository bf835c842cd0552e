"""The tiny model, for the backends that run one."""

from __future__ import annotations

import pytest

from generation.worker.settings import LocalModel
from tests.generation.local_models import tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return tiny_model(tmp_path_factory.getbasetemp())
