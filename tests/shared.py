"""Where optional reference data lies, and the mark that skips without it."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def needs_shared(subpath):
    """Skips a test where `../shared/<subpath>` is absent."""
    return pytest.mark.skipif(
        not (SHARED / subpath).exists(),
        reason=f"needs reference data at ../shared/{subpath}",
    )
