"""What the tests of several floors share."""

import pytest

# Their failures show what differs.
pytest.register_assert_rewrite("tests.contract")


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """A tiny model and what is exported from it, see `Exports`."""
    # Only here: most tests need no exporter.
    from tests.export.artefacts import Exports

    return Exports(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A process that has only imported the package, see `FreshProcess`."""
    from tests.contract import FreshProcess

    process = FreshProcess(tmp_path_factory.mktemp("fresh"))
    yield process
    process.close()
