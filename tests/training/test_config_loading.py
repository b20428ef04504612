"""Reading experiments: order, types, typos, YAML's traps."""

import dataclasses

import pytest

from adafuse_tf.data import Preprocessing, Sampler
from adafuse_tf.data.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from adafuse_tf.training import ConfigError, load_config, save_config
from adafuse_tf.training.config_data import PreprocessingConfig, SamplerConfig
from adafuse_tf.training.config_loading import CONFIGS_DIR, parse_override


def error_of(*overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "path", "expected", "received"),
    [
        ("trainer.epochs='8'", "trainer.epochs", "an integer", "'8'"),
        ("trainer.epochs=8.0", "trainer.epochs", "an integer", "8.0"),
        ("trainer.epochs=true", "trainer.epochs", "an integer", "True"),
        ("trainer.epochs=1:30", "trainer.epochs", "an integer", "'1:30'"),
        ("trainer.epochs=0", "trainer.epochs", "at least 1", "0"),
        ("trainer=3", "trainer", "a mapping", "3"),
        ("trainer.optimizer=null", "trainer.optimizer", "a mapping", "None"),
        ("task.train_data.cache=1", "task.train_data.cache", "true or false", "1"),
        (
            "task.train_data.cache=off",
            "task.train_data.cache",
            "true or false",
            "'off'",
        ),
        ("task.train_data.split=''", "task.train_data.split", "not be empty", "''"),
        ("task.data_dir=3", "task.data_dir", "a string", "3"),
        (
            "trainer.optimizer.name=rmsprop",
            "trainer.optimizer.name",
            "'sgd' or 'adamw'",
            "'rmsprop'",
        ),
        (
            "trainer.optimizer.learning_rate=0",
            "trainer.optimizer.learning_rate",
            "greater than 0",
            "0",
        ),
        (
            "trainer.optimizer.learning_rate=.nan",
            "trainer.optimizer.learning_rate",
            "finite",
            "nan",
        ),
        ("task.label_smoothing=1", "task.label_smoothing", "less than 1", "1"),
        (
            "task.preprocessing.std=[1, 0, 1]",
            "task.preprocessing.std[1]",
            "greater than 0",
            "0",
        ),
        (
            "task.preprocessing.crop=300",
            "task.preprocessing",
            "crop must not be larger than resize",
            "crop=300, resize=256",
        ),
        (
            "task.flops_loss.form=budget",
            "task.flops_loss",
            "target must be given",
            "target=None",
        ),
        (
            "trainer.gumbel.decay_from=0.9,trainer.gumbel.decay_until=0.1",
            "trainer.gumbel",
            "decay_from must not be after",
            "decay_from=0.9",
        ),
        (
            "trainer.optimizer.steps=[0.8, 0.4]",
            "trainer.optimizer",
            "increase",
            "[0.8, 0.4]",
        ),
        ("trainer.dense_warmup=1.0", "trainer.dense_warmup", "less than 1", "1.0"),
        (
            "task.train_data.sampler.type=sparse",
            "task.train_data.sampler.type",
            "'segments', 'dense' or 'uniform'",
            "'sparse'",
        ),
        (
            "task.validation_data.sampler={type: dense, stride: 0}",
            "task.validation_data.sampler.stride",
            "at least 1",
            "0",
        ),
        (
            "task.validation_data.num_crops=5",
            "task.validation_data.num_crops",
            "1, 3 or 10",
            "5",
        ),
        ("task.source=videos", "task.source", "'records' or 'video'", "'videos'"),
        ("task.max_bad=-1", "task.max_bad", "at least 0", "-1"),
    ],
)
def test_wrong_value_names_key_and_value(override, path, expected, received):
    message = error_of(override)
    assert message.startswith(f"{path}: ")
    assert expected in message
    assert received in message.split("Received: ")[1]
    assert "\n" not in message


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("trainer.epoch=8", "Did you mean trainer.epochs?"),
        ("task.train_data.batch_sise=8", "Did you mean task.train_data.batch_size?"),
        ("epochs=8", "Did you mean trainer.epochs?"),
        (
            "task.validation_data.sampler.strides=8",
            "Did you mean task.validation_data.sampler.stride?",
        ),
        ("task.quux=8", "Known keys here: model, source, data_dir"),
    ],
)
def test_unknown_key_suggests(override, hint):
    message = error_of(override)
    assert message.startswith(override.split("=")[0] + ": unknown key.")
    assert hint in message
    assert message.endswith("Received: 8")


def test_every_problem_has_its_line():
    message = error_of("trainer.epochs=0,runtime.seed=-1", "trainer.foo=1")
    assert [line.split(":")[0] for line in message.split("\n")] == [
        "runtime.seed",
        "trainer.epochs",
        "trainer.foo",
    ]


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("trainer.epochs", "expected key=value"),
        ("=3", "expected key=value"),
        ("trainer.epochs=[1", "not valid YAML"),
        ("{a: 1, a: 2}", "'a' is given twice"),
        ("{[a, b]: 1}", "not valid YAML"),
        ("a=!!int 0x10", "'0x10' is no whole number"),
    ],
)
def test_unreadable_override(override, reason):
    assert reason in error_of(override)


def test_override_forms_agree():
    expected = load_config(overrides=["trainer.epochs=3", "runtime.seed=7"])
    for override in (
        "trainer.epochs=3,runtime.seed=7",
        " runtime.seed = 7 , trainer.epochs = 3 ",
        "{trainer: {epochs: 3}, runtime: {seed: 7}}",
        '{"trainer": {"epochs": 3}, "runtime": {"seed": 7}}',
        "{trainer.epochs: 3, runtime.seed: 7}",
    ):
        assert load_config(overrides=[override]) == expected
    assert expected.trainer.epochs == 3


def test_lists_and_mappings_in_assignments():
    config = load_config(
        overrides=[
            "task.model.overrides={width: 0.25, gates: [stage3, stage4]},"
            "task.preprocessing.mean=[0, 0.5, 1],task.model.overrides.group_size=4"
        ]
    )
    assert config.task.model.overrides == {
        "width": 0.25,
        "gates": ["stage3", "stage4"],
        "group_size": 4,
    }
    assert config.task.preprocessing.mean == (0.0, 0.5, 1.0)


def test_exponent_without_point_is_a_number():
    config = load_config(overrides=["trainer.optimizer.learning_rate=1e-3"])
    assert config.trainer.optimizer.learning_rate == 1e-3


def test_leading_zeros_mean_nothing():
    for text, expected in (("010", 10), ("08", 8), ("-0", 0)):
        assert parse_override(f"a={text}") == {"a": expected}


def test_later_sources_win(tmp_path):
    base, change = tmp_path / "base.yaml", tmp_path / "change.yaml"
    base.write_text("trainer: {epochs: 3, dense_warmup: 0.9}\nruntime: {seed: 1}")
    change.write_text("runtime: {seed: 2}\ntask: {label_smoothing: 1e-1}")
    config = load_config(
        str(base), [change], ["runtime.seed=3,runtime.seed=4", "trainer.epochs=9"]
    )
    assert (config.runtime.seed, config.trainer.epochs) == (4, 9)
    assert config.trainer.dense_warmup == 0.9
    assert config.task.label_smoothing == 0.1


@pytest.mark.parametrize("name", ["2024-01-01", "08", "1e3", "1:30", "true", ".5"])
def test_saved_config_reads_back(name, tmp_path):
    config = load_config(
        overrides=[
            "trainer.optimizer.weight_decay=1e-7",
            f"task.model.overrides={{a: null, b: on, c: '{name}'}}",
            f"task.data_dir='{name}'",
        ]
    )
    save_config(config, tmp_path / "params.yaml")
    assert load_config(config_files=[tmp_path / "params.yaml"]) == config


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.yaml"):
        load_config(config_files=[tmp_path / "nowhere.yaml"])
    with pytest.raises(FileNotFoundError, match="experiment='nothing'.*fir_action"):
        load_config("nothing")


def test_own_files_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row, changed = "configs/published/jester.yaml", "./configs/from_dense.yaml"
    for config in (
        load_config("published", [row], [changed]),
        load_config("configs/published.yaml", [f"./{row}", changed]),
    ):
        assert config.task.data_dir == "records/jester"
        assert (
            config.trainer.dense_warmup
            == load_config(
                config_files=[CONFIGS_DIR / "from_dense.yaml"]
            ).trainer.dense_warmup
        )
    # What lies there comes first.
    (tmp_path / "configs" / "published").mkdir(parents=True)
    (tmp_path / row).write_text("task: {data_dir: mine}")
    assert load_config(config_files=[row]).task.data_dir == "mine"
    for absent in ("configs/jester.yaml", str(tmp_path / "configs" / "demo.yaml")):
        with pytest.raises(FileNotFoundError) as caught:
            load_config(config_files=[absent])
        assert f"Received: {absent!r}" in str(caught.value)
        assert "configs/demo.yaml" in str(caught.value).split("one of: ")[1]


def test_file_without_mapping(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="must be a mapping"):
        load_config(config_files=[tmp_path / "list.yaml"])


@pytest.mark.parametrize("name", sorted(p.stem for p in CONFIGS_DIR.glob("*.yaml")))
def test_shipped_experiments_are_valid(name):
    assert load_config(name) != load_config()


def test_schema_mirrors_the_class_it_configures():
    expected = {**Preprocessing().to_dict(), "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    assert PreprocessingConfig().model_dump() == expected
    assert SamplerConfig().model_dump() == dataclasses.asdict(Sampler())
