"""What the tests of exports share."""

import keras
import pytest


@pytest.fixture
def mixed_bfloat16():
    """New layers compute in bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)
