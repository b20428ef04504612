"""Errors of the training floor that a caller may want to tell apart."""


class ConfigError(ValueError):
    """A configuration is not valid; one line per problem."""


class ModelDirError(ValueError):
    """A folder is not a trained `model_dir`, or does not fit what was asked."""


class NonFiniteLossError(ArithmeticError):
    """The training loss became NaN or infinite."""
