"""The mark that skips a test where Model Garden is not installed."""

import importlib.util

import pytest

needs_model_garden = pytest.mark.skipif(
    importlib.util.find_spec("official") is None, reason="needs tf-models-official"
)
