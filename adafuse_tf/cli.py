"""How the scripts in `train/` begin, and end when something expected goes wrong.

Imports nothing heavy: scripts enter this before TensorFlow is loaded, and set
`ADAFUSE_TF_LAZY` before they import it.
"""

import contextlib
import inspect
import json
import os
import platform
import re
import sys
import traceback
from collections.abc import Callable, Iterator

from absl import app, flags, logging

from adafuse_tf import files

EXIT_USAGE = 2

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_EXPECTED = (ValueError, TypeError, OSError, ArithmeticError, ImportError)
# What becomes of a path that is a file, not a folder, or may not be written.
_PATH_ERRORS = (
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def script(main: Callable[..., int | None]) -> Callable[[], None]:
    """Makes a function the `main` of a script, called without arguments.

    It is run with flags parsed, TensorFlow prepared and errors in one line. If it takes
    an argument that is the list of words beside the flags; if not, such words are an
    error. What it returns is the exit code.

    It also does for a command that pip has made, which imports the script: help is then
    the script's, and names the command.
    """
    takes_words = bool(inspect.signature(main).parameters)

    def run(argv):
        words = argv[1:]
        if words and not takes_words:
            raise app.UsageError(f"Unknown arguments: {words}")
        prepare_tensorflow()
        with one_line_errors():
            return main(words) if takes_words else main()

    def command():
        if main.__module__ != "__main__":
            _explain(main.__module__)
        app.run(run)

    return command


def _explain(module: str) -> None:
    """Lets `--help` show a module's text and flags though another file is the main."""
    text = sys.modules[module].__doc__ or ""
    text = re.sub(r"python train/(\w+)\.py", _command, text)
    sys.modules["__main__"].__doc__ = text
    for flag in flags.FLAGS.get_key_flags_for_module(module):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _command(script: re.Match) -> str:
    return f"adafuse-{script[1].replace('_', '-')}"


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns errors that this package raises on purpose into one line and exit code 2.

    A wrong flag, a missing file or a bad config deserves its message, not a stack
    trace. Expected is a ValueError, TypeError, OSError, ArithmeticError or ImportError
    (or a subclass such as ConfigError) that was raised in this package's own code, and
    a path that cannot be what it should be, wherever that shows; anything else is a bug
    or the machine's fault and keeps its stack trace.
    """
    try:
        yield
    except Exception as error:
        if not is_expected(error):
            raise
        message = str(error) or type(error).__name__
        print(f"Error: {message}", file=sys.stderr)
        sys.exit(EXIT_USAGE)


def is_expected(error: BaseException) -> bool:
    """Whether `one_line_errors` says an error in one line."""
    if isinstance(error, _PATH_ERRORS):
        return True
    return isinstance(error, _EXPECTED) and _raised_here(error)


def prepare_tensorflow() -> None:
    """Sets what TensorFlow reads when it is loaded, unless the user has set it.

    Keeps its notes off the screen and turns oneDNN's convolutions on.
    """
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        logging.set_verbosity(logging.ERROR)
    # TensorFlow does so by itself only on Linux, and on processors with instructions
    # for 8 and 16 bits (VNNI, BF16, AMX); others take a step of training faster, too.
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def write_json(path: files.PathLike, value) -> None:
    """Writes indented JSON; the path may be a URL."""
    files.write_text(path, to_json(value))


def to_json(value) -> str:
    """Indented JSON as the text of a file."""
    return json.dumps(value, indent=2) + "\n"


def print_json(value) -> None:
    """Prints indented JSON on stdout."""
    print(json.dumps(value, indent=2))


def _raised_here(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and os.path.abspath(frames[-1].filename).startswith(_PACKAGE)
