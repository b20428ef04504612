"""The configs of the published rows say what paper and released code say."""

import re
import shlex

import pytest

from adafuse_tf.models.presets import PRESETS
from adafuse_tf.training import load_config
from adafuse_tf.training.config_loading import CONFIGS_DIR
from adafuse_tf.training.schedules import flops_weight, noise_scale

FOLDER = CONFIGS_DIR / "published"
FILES = [CONFIGS_DIR / "published.yaml", *sorted(FOLDER.glob("*.yaml"))]
DATA = ["something_v1", "something_v2", "jester", "mini_kinetics"]

# GFLOPs and top-1 on the data sets in the order above: Tables 3 and 5 of the paper.
ROWS = {
    "tsn_resnet18": ["14.6/14.8", "14.6/27.3", "14.6/82.6", "14.6/64.6"],
    "tsn_resnet50": ["32.9/18.7", "32.9/32.1", "32.9/82.6", "32.9/72.1"],
    "tsm_resnet50": ["33.2/45.6", "33.2/59.1"],
    "adafuse_tsn_resnet18": ["10.3/36.9", "11.1/50.5", "7.6/93.7", "11.8/67.5"],
    "adafuse_tsn_resnet50": ["22.1/41.9", "18.1/56.8", "16.1/94.7", "23.0/72.3"],
    "adafuse_tsm_resnet50": ["19.1/44.9", "19.5/58.3"],
    "adafuse_tsm_last_resnet50": ["31.5/46.8", "31.3/59.8"],
}
# The released commands: learning rate and λ.
RELEASED = {
    "released_something_v1_tsn": (0.01, 0.125),
    "released_something_v1_tsm": (0.02, 0.125),
    "released_something_v2_tsn": (0.01, 0.075),
    "released_something_v2_tsm": (0.02, 0.075),
}
GMACS_PER_FRAME = {"resnet18": 1.8137, "resnet50": 4.0875}  # of the dense twin


def load(*names):
    return load_config("published", [FOLDER / f"{name}.yaml" for name in names])


def comment_of(path):
    """The lines on top of the first key, without `# `."""
    head = path.read_text(encoding="utf-8").split("\ntask:")[0]
    return "\n".join(line.removeprefix("#") for line in head.splitlines())


def commands_of(path):
    joined = comment_of(path).replace("\\\n", " ")
    return re.findall(r"python train/train\.py .*", joined)


def load_command(command):
    words = shlex.split(command)[2:]
    flags = list(zip(words[::2], words[1::2], strict=True))
    values = {flag: [v for f, v in flags if f == flag] for flag, _ in flags}
    (experiment,) = values["--experiment"]
    assert values["--model_dir"]
    return load_config(
        experiment,
        [CONFIGS_DIR.parent / path for path in values.get("--config_file", [])],
        values.get("--params_override", []),
    )


@pytest.mark.parametrize(
    ("network", "data"),
    [(network, data) for network in ROWS for data in DATA[: len(ROWS[network])]],
)
def test_a_row_has_the_papers_recipe(network, data):
    config = load(network, data)
    assert config == load(data, network)  # neither undoes the other
    task, trainer, optimizer = config.task, config.trainer, config.trainer.optimizer

    assert task.model.preset == network in PRESETS
    assert network.split("_")[-1] in task.model.init_weights
    assert task.model.overrides == {}
    assert task.data_dir == f"records/{data}"
    sizes = task.preprocessing
    assert (sizes.num_frames, sizes.resize, sizes.crop) == (8, 256, 224)
    augmentation = task.train_data.augmentation
    assert augmentation.multi_scale_crop == (1.0, 0.875, 0.75, 0.66)
    assert augmentation.flip_probability == (0.5 if data == "mini_kinetics" else 0.0)
    assert (task.train_data.batch_size, trainer.epochs) == (64, 50)
    assert (optimizer.name, optimizer.learning_rate) == ("sgd", 0.002)
    assert (optimizer.momentum, optimizer.clip_norm) == (0.9, 20.0)
    assert optimizer.weight_decay == 5e-4
    assert optimizer.bias_learning_rate_multiplier == 2.0
    assert [share * trainer.epochs for share in optimizer.steps] == [20, 40]
    assert (optimizer.schedule, optimizer.step_factor) == ("step", 0.1)
    assert trainer.dense_warmup_epochs == optimizer.warmup_epochs == 0
    assert trainer.gumbel.temperature == 0.67
    for progress in (0.0, 0.5, 1.0):  # noise and λ are constant
        assert noise_scale(trainer.gumbel)(progress) == 1.0
        assert flops_weight(task.flops_loss)(progress) == task.flops_loss.weight
    assert (task.flops_loss.form, task.flops_loss.target) == ("linear", None)


@pytest.mark.parametrize("network", ROWS)
def test_lambda_is_the_papers(network):
    gmacs = GMACS_PER_FRAME[network.split("_")[-1]]
    expected = 0.1 * gmacs if network.startswith("adafuse") else 0.0
    weight = load(network, "something_v1").task.flops_loss.weight
    assert weight == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("released", RELEASED)
def test_released_values_win(released):
    rate, published_lambda = RELEASED[released]
    data, family = released.removeprefix("released_").rsplit("_", 1)
    config = load(f"adafuse_{family}_resnet50", data, released)
    assert config.trainer.optimizer.learning_rate == rate
    weight = published_lambda * GMACS_PER_FRAME["resnet50"]
    assert config.task.flops_loss.weight == pytest.approx(weight, abs=6e-4)


@pytest.mark.parametrize("network", ROWS)
def test_comments_print_the_papers_rows(network):
    pattern = r"^ +(\w+) +([\d.]+) +([\d.]+)$"
    found = re.findall(pattern, comment_of(FOLDER / f"{network}.yaml"), re.MULTILINE)
    expected = zip(DATA, ROWS[network], strict=False)
    assert found == [(data, *row.split("/")) for data, row in expected]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_commands_in_comments_use_the_file_and_load(path):
    commands = commands_of(path)
    assert commands
    for command in commands:
        config = load_command(command)
        assert config.task.data_dir is not None and config.trainer.epochs == 50
        used = path.stem if path.parent == CONFIGS_DIR else f"published/{path.name}"
        assert used in command


def test_last_on_something_v2_has_the_lambda_of_table_7():
    (command,) = (
        command
        for command in commands_of(FOLDER / "adafuse_tsm_last_resnet50.yaml")
        if "something_v2" in command
    )
    weight = load_command(command).task.flops_loss.weight
    expected = 0.075 * GMACS_PER_FRAME["resnet50"]
    assert weight == pytest.approx(expected, abs=6e-4)


def test_no_file_is_left_out():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {*ROWS, *DATA, *RELEASED}
