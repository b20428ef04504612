"""What the scripts set before TensorFlow is loaded."""

import os

import pytest

from adafuse_tf import cli

NAME = "TF_ENABLE_ONEDNN_OPTS"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setenv(NAME, "")
    del os.environ[NAME]  # what is set from here on goes away with the test


@pytest.mark.parametrize(("machine", "expected"), [("x86_64", "1"), ("arm64", None)])
def test_onednn_is_on_for_every_x86_processor(machine, expected, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    cli.prepare_tensorflow()
    assert os.environ.get(NAME) == expected


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv(NAME, "0")
    cli.prepare_tensorflow()
    assert os.environ[NAME] == os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
