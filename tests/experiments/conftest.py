from tests.training.conftest import clips_in_memory, tiny_model  # noqa: F401
