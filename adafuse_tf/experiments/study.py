"""What a study compares."""

from typing import Annotated, Any

from pydantic import Field

from adafuse_tf import files
from adafuse_tf.training.config_base import Config, Name
from adafuse_tf.training.config_loading import CONFIGS_DIR, parse, read_yaml
from adafuse_tf.training.errors import ConfigError

STUDIES_DIR = CONFIGS_DIR / "experiments"


class Study(Config):
    """Runs that differ in one thing, each with several seeds."""

    title: Name
    # What each run starts from: a name in configs/, or a path.
    experiment: Name
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    # Name in the table -> settings on top of the experiment's.
    runs: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    # Runs to draw in grey: those that the others are compared with.
    baselines: tuple[str, ...] = ()

    def model_post_init(self, context: Any) -> None:
        """Baselines must be among the runs; each run has a folder of its own."""
        unknown = sorted(set(self.baselines) - set(self.runs))
        if unknown:
            raise ConfigError(
                f"baselines must be among runs: {list(self.runs)}. Received: {unknown}"
            )
        folders = [folder_name(name) for name in self.runs]
        twins = [n for n in self.runs if folders.count(folder_name(n)) > 1]
        if twins:
            raise ConfigError(
                "runs must differ in letters or digits, which their folders are named "
                f"after. Received: {twins}"
            )


def folder_name(run: str) -> str:
    """The name of a run in lower case, `_` for all that is no letter or digit."""
    return "".join(c if c.isalnum() else "_" for c in run.lower())


def read_study(name: str) -> Study:
    """Reads a study.

    Args:
        name: a file in `configs/experiments` without its ending, or a path.

    Raises:
        ConfigError: a key that is unknown or a value of the wrong type.
        FileNotFoundError: there is no such study.
    """
    path = STUDIES_DIR / f"{name}.yaml"
    if not path.is_file():
        path = name
    if not files.is_file(path):
        known = sorted(p.stem for p in STUDIES_DIR.glob("*.yaml"))
        raise FileNotFoundError(
            f"There is no such study. Received: study={name!r}. Give the path of a "
            f"YAML file, or one of: {', '.join(known) or '(none)'}"
        )
    return parse(Study, read_yaml(path), f"{path}: ")
