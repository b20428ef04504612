"""Files of a web server: they can be read, each as a whole, and nothing else.

Not by way of tensorflow-io, which downloads a file to learn whether there is one. Only
record files are read by it.
"""

import http.client
import io
import string
import urllib.error
import urllib.request
from typing import IO, Any, NoReturn
from urllib.parse import quote, urlsplit

from adafuse_tf.storage import file_systems

_TIMEOUT = 60  # seconds without a byte
_ABSENT = (404, 410)
_range_servers: set[str] = set()


def open_file(path: str, mode: str) -> IO[Any]:
    """Downloads a file."""
    if mode[0] != "r":
        _refuse(path, "written to")
    with _get(path) as response:
        try:
            content = io.BytesIO(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise OSError(f"The connection broke off: {path}: {error!r}") from None
    return content if "b" in mode else io.TextIOWrapper(content, encoding="utf-8")


def exists(path: str) -> bool:
    """Whether the server has such a file."""
    try:
        with _get(path, first_byte=True):
            return True
    except FileNotFoundError:
        return False


def is_dir(path: str) -> bool:
    """Servers do not tell, so the name decides: a last part without a dot or star."""
    return not {".", "*"} & set(urlsplit(path).path.rpartition("/")[2])


def make_dirs(path: str) -> None:
    """Not possible."""
    _refuse(path, "written to")


def glob(pattern: str) -> list[str]:
    """Not possible."""
    _refuse(pattern, "searched")


def list_dir(path: str) -> list[str]:
    """Not possible."""
    _refuse(path, "searched")


def replace(source: str, target: str) -> None:
    """Not possible."""
    _refuse(source, "written to")


def remove(path: str) -> None:
    """Not possible."""
    _refuse(path, "written to")


def check_records(path: str) -> None:
    """Raises unless tensorflow-io can read record files of this server."""
    file_systems.require(path)
    server = urlsplit(path).netloc
    if server in _range_servers:
        return
    with _get(path, first_byte=True) as response:
        if response.status != http.client.PARTIAL_CONTENT:
            # TensorFlow would go round and round at the end of the file.
            raise OSError(
                "Records can only be read from a web server that sends parts of a file "
                f"(Range requests); this one sends all of it. Received: {path!r}"
            )
    _range_servers.add(server)


def _get(path: str, first_byte: bool = False) -> http.client.HTTPResponse:
    """Asks for a file, or for its first byte alone where the server can do that."""
    # Not HEAD: links that are signed for downloading refuse it.
    headers = {"Range": "bytes=0-0"} if first_byte else {}
    # Spaces and letters beyond ASCII; what is quoted already stays as it is.
    url = quote(path, safe=string.punctuation)
    request = urllib.request.Request(url, headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code in _ABSENT:
            raise FileNotFoundError(f"There is no file. Received: {path!r}") from None
        if first_byte and error.code == 416:  # an empty file has no first byte
            return _get(path)
        raise OSError(
            f"The server refuses {path!r}: {error.code} {error.reason}"
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"Cannot reach {path!r}: {reason}") from None


def _refuse(path: str, verb: str) -> NoReturn:
    raise OSError(
        f"Files of a web server cannot be {verb}, only read by their names. "
        f"Received: {path!r}"
    )
