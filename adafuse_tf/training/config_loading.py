"""From YAML files and command-line overrides to an `ExperimentConfig`."""

import importlib.resources
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from adafuse_tf import files
from adafuse_tf.training.config import ExperimentConfig
from adafuse_tf.training.config_base import Config
from adafuse_tf.training.config_errors import describe
from adafuse_tf.training.errors import ConfigError
from adafuse_tf.training.strict_yaml import StrictDumper, StrictLoader

Schema = TypeVar("Schema", bound=Config)


def _configs_dir() -> Path:
    """`configs/`: installed it lies in the package, in the repository beside it."""
    package = Path(str(importlib.resources.files("adafuse_tf")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


CONFIGS_DIR = _configs_dir()


def load_config(
    experiment: str | None = None,
    config_files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
) -> ExperimentConfig:
    """Reads an experiment; what comes later wins.

    The order is: defaults, `experiment`, `config_files`, `overrides`. Mappings are
    merged key by key, everything else (lists too) is replaced.

    A path such as `configs/published/jester.yaml` is that of a file in the current
    folder, or else of the one that comes with this package.

    Args:
        experiment: name of a file in `configs/` without its ending, or a path.
        config_files: paths of YAML files.
        overrides: each `"a.b=1,c.d=x"`, or a YAML or JSON mapping such as
            `"{a: {b: 1}}"`, or the name of a YAML file. Values are read as YAML.

    Returns:
        The checked configuration.

    Raises:
        ConfigError: one line per problem: the key, the value, what is allowed.
        FileNotFoundError: a file or an experiment is not there.
    """
    merged: dict[str, Any] = {}
    if experiment is not None:
        merged = _merge(merged, read_yaml(_experiment_file(experiment)))
    for path in config_files:
        merged = _merge(merged, read_yaml(path))
    for text in overrides:
        merged = _merge(merged, parse_override(text))
    return parse(ExperimentConfig, merged)


def parse(schema: type[Schema], values: dict[str, Any], where: str = "") -> Schema:
    """Checks a nested dict against any schema.

    Args:
        schema: what to read it into.
        values: as YAML has them.
        where: what each line of an error begins with.

    Raises:
        ConfigError: one line per problem: the key, the value, what is allowed.
    """
    try:
        # By way of JSON, where a list may be a tuple and all else stays strict.
        return schema.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        problems = [f"{where}{problem}" for problem in describe(error, schema)]
        raise ConfigError("\n".join(problems)) from None


def save_config(config: ExperimentConfig, path: str | Path) -> None:
    """Writes every key, defaults included, as YAML that `load_config` reads."""
    files.write_text(path, to_yaml(config))


def to_yaml(config: ExperimentConfig) -> str:
    """The whole configuration as YAML."""
    values = config.model_dump(mode="json")
    return yaml.dump(values, Dumper=StrictDumper, sort_keys=False)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Reads one YAML file that holds a mapping (or nothing).

    Args:
        path: the file, or `configs/...` for one that comes with this package.
    """
    found = _find(path)
    if found is None:
        raise FileNotFoundError(
            "There is no config file. Give the path of a YAML file, or one of: "
            f"{', '.join(_own_files()) or '(none)'}. Received: {str(path)!r}"
        )
    values = _parse(files.read_text(found), str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: a config file must be a mapping of keys to values. "
            f"Received: {values!r}"
        )
    return values


def parse_override(text: str) -> dict[str, Any]:
    """Reads `"a.b=1,c.d=x"`, a YAML or JSON mapping, or the name of a YAML file."""
    text = text.strip()
    if text.startswith("{"):
        return _nest(_parse(text, "params_override").items())
    if "=" not in text and text.endswith((".yaml", ".yml", ".json")):
        return read_yaml(text)
    return _nest(_assignments(text)) if text else {}


def _assignments(text: str) -> Iterator[tuple[str, Any]]:
    for part in _split_at_commas(text):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                "params_override: expected key=value, such as trainer.epochs=10. "
                f"Received: {part.strip()!r}"
            )
        yield key.strip(), _parse(value.strip(), f"params_override {key.strip()}")


def _split_at_commas(text: str) -> Iterator[str]:
    """Splits at the commas outside of brackets and quotes."""
    depth, quote, start = 0, "", 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _nest(items: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """`a.b = 1` as `{a: {b: 1}}`."""
    nested: dict[str, Any] = {}
    for key, value in items:
        for name in reversed(str(key).split(".")):
            value = {name: value}
        nested = _merge(nested, value)
    return nested


def _merge(base: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in update.items():
        both_map = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both_map else value
    return merged


def _parse(text: str, source: str) -> Any:
    try:
        return yaml.load(text, Loader=StrictLoader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{source}: not valid YAML: {reason}") from None


def _find(path: str | Path) -> files.PathLike | None:
    """The file itself; else the one of that name that comes with this package."""
    if files.is_file(path):
        return path
    return _own_files().get(Path(path).as_posix())


def _own_files() -> dict[str, Path]:
    """`configs/...` to the file."""
    return {
        f"configs/{path.relative_to(CONFIGS_DIR).as_posix()}": path
        for path in sorted(CONFIGS_DIR.rglob("*.yaml"))
    }


def _experiment_file(experiment: str) -> files.PathLike:
    named = CONFIGS_DIR / f"{experiment}.yaml"
    if named.is_file():
        return named
    found = _find(experiment)
    if found is not None:
        return found
    known = sorted(path.stem for path in CONFIGS_DIR.glob("*.yaml"))
    raise FileNotFoundError(
        f"There is no such experiment. Received: experiment={experiment!r}. "
        f"Give the path of a YAML file, or one of: {', '.join(known) or '(none)'}"
    )
