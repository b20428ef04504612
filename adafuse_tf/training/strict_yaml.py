"""YAML without the surprises of YAML 1.1.

There `1e-3` is a string, `off` is false, `1:30` is ninety, `010` is eight and a
repeated key silently wins. Here `1e-3` is a number, `off` and `1:30` are strings, `010`
is ten, and a key that is given twice is an error.
"""

import re

import yaml


class StrictLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` with the scalars of YAML 1.2 and no repeated keys."""

    def construct_mapping(self, node, deep=False):
        """Refuses a mapping that names a key twice."""
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node.value, str):
                continue  # a list or a mapping, which the base class refuses
            if key_node.value in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key {key_node.value!r} is given twice",
                    key_node.start_mark,
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


class StrictDumper(yaml.SafeDumper):
    """Quotes the strings that `StrictLoader` would take for something else."""


_REPLACED = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int")
_REPLACED += ("tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
for _class in (StrictLoader, StrictDumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    for _class in (StrictLoader, StrictDumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
        )


def _decimal(loader: StrictLoader, node: yaml.Node) -> int:
    text = loader.construct_scalar(node)
    try:
        return int(text)
    except ValueError:
        problem = f"{text!r} is no whole number"
        raise yaml.constructor.ConstructorError(
            None, None, problem, node.start_mark
        ) from None


StrictLoader.add_constructor("tag:yaml.org,2002:int", _decimal)
