"""What the tests of several floors share."""

import pytest


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """A tiny model and what is exported from it, see `Exports`."""
    # Only here: most tests need no exporter.
    from tests.export.artefacts import Exports

    return Exports(tmp_path_factory.mktemp("exports"))
