"""Errors of the training floor that a caller may want to tell apart."""


class ConfigError(ValueError):
    """A configuration is not valid; one line per problem."""


class ModelDirError(ValueError):
    """A folder is not a trained `model_dir`, or does not fit what was asked."""


class NonFiniteLossError(ArithmeticError):
    """The training loss, or a weight, became NaN or infinite."""


class WriteError(OSError):
    """A file of a run cannot be written, for want of space or of permission."""


class LostWorkerError(OSError):
    """Another process of the run has gone."""
