"""Reads files of `torch.save` without PyTorch, and runs nothing that they name."""

import io
import math
import os
import pathlib
import pickle
import pickletools
import zipfile
from typing import IO, Any, NamedTuple

import numpy as np

_ZIP_START = b"PK\x03\x04"
# Before PyTorch 1.6 files were pickles one after the other, and then the numbers.
_LEGACY_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
_LEGACY_VERSION = 1001
_BIG_ENDIAN = "its numbers are not little-endian"

_DTYPES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1",
    "torch.ByteStorage": "<u1",
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"


def read_torch_checkpoint(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the tensors of a PyTorch checkpoint.

    A pickle is a program, so that to unpickle a file is to run it. Here its operations
    are followed instead: what they name is looked up in a short list, and is never
    imported or called.

    Args:
        path: A file that `torch.save` wrote, as a zip file (since PyTorch 1.6) or
            before. It holds a dict of tensors, by itself or under `"state_dict"`.

    Returns:
        Arrays by name, in the file's order, that cannot be written to. Tensors that
        share their numbers in the file share them here.

    Raises:
        OSError: The file is not there, or cannot be read.
        ValueError: It is no such file, is damaged, or holds something else than
            tensors of usual numbers.
    """
    content = pathlib.Path(path).read_bytes()
    try:
        if content.startswith(_ZIP_START):
            loaded, storages, numbers = _read_zip(content)
        elif content.startswith(_LEGACY_START):
            loaded, storages, numbers = _read_legacy(content)
        else:
            raise ValueError("it begins as no file of torch.save does")
        for key, storage in storages.items():
            if len(numbers[key]) != storage.num_bytes:
                raise ValueError(
                    f"storage {key!r} has {len(numbers[key])} bytes for "
                    f"{storage.num_bytes}"
                )
        return {
            name: _array(name, tensor, numbers)
            for name, tensor in _state_dict(loaded).items()
        }
    # Operations in a wrong order fail in too many ways to name them.
    except Exception as error:
        # A KeyError, say, tells nothing by its text.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ValueError(
            f"Not a readable PyTorch checkpoint ({kind}{error}). "
            f"Received: path={str(path)!r}"
        ) from error


class _Storage(NamedTuple):
    """A row of numbers in the file."""

    key: str
    dtype: str
    count: int

    @property
    def num_bytes(self):
        return self.count * np.dtype(self.dtype).itemsize


class _Tensor(NamedTuple):
    """Numbers of a storage and their arrangement, as the file claims them."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


def _read_zip(content: bytes) -> tuple[Any, dict[str, _Storage], dict[str, bytes]]:
    """Returns what was saved, its storages by key, and their bytes."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    parts = {part.filename: part for part in archive.infolist()}
    pickles = [n for n in parts if n.endswith("/data.pkl") and n.count("/") == 1]
    if len(pickles) != 1:
        raise ValueError("the zip file has no data.pkl of torch.save")
    # So they are in files of torch.save; elsewhere a few bytes can become gigabytes.
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts.values()):
        raise ValueError("parts of the zip file are compressed")
    if sum(part.file_size for part in parts.values()) > len(content):
        raise ValueError("parts of the zip file are larger than it")
    folder = pickles[0].removesuffix("data.pkl")
    order = folder + "byteorder"
    if order in parts and archive.read(order) != b"little":
        raise ValueError(_BIG_ENDIAN)
    reader = _PickleReader()
    loaded = reader.read(io.BytesIO(archive.read(pickles[0])))
    missing = [k for k in reader.storages if f"{folder}data/{k}" not in parts]
    if missing:
        raise ValueError(f"it has no storage {missing[0]!r}")
    numbers = {key: archive.read(f"{folder}data/{key}") for key in reader.storages}
    return loaded, reader.storages, numbers


def _read_legacy(content: bytes) -> tuple[Any, dict[str, _Storage], dict[str, bytes]]:
    """Returns what was saved, its storages by key, and their bytes."""
    stream = io.BytesIO(content)
    reader = _PickleReader()
    _, version, system, loaded, keys = (reader.read(stream) for _ in range(5))
    if version != _LEGACY_VERSION:
        raise ValueError("its version is unknown")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError(_BIG_ENDIAN)
    if not isinstance(keys, list) or {*map(type, keys)} - {str}:
        raise ValueError("it lists no storages")
    if sorted(keys) != sorted(reader.storages):
        raise ValueError("its tensors are not in the storages that it lists")
    numbers = {}
    for key in keys:
        storage = reader.storages[key]
        if int.from_bytes(stream.read(8), "little") != storage.count:
            raise ValueError(f"storage {key!r} is truncated, or has two sizes")
        numbers[key] = stream.read(storage.num_bytes)
    return loaded, reader.storages, numbers


def _state_dict(loaded: Any) -> dict[str, _Tensor]:
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict):
        raise ValueError(f"it holds no dict of tensors but a {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise ValueError(
                "it must hold a dict of tensors, by itself or under 'state_dict', and "
                f"has a {type(value).__name__} under {name!r}"
            )
    return state


def _array(name: str, tensor: _Tensor, numbers: dict[str, bytes]) -> np.ndarray:
    """The numbers in their arrangement, if they all lie in the storage."""
    storage, offset, shape, strides = tensor
    dtype = np.dtype(storage.dtype)
    count = math.prod(shape)
    reach = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    # Repeated numbers (a stride of 0) could make gigabytes of a few bytes.
    if count > storage.count or (count and reach > storage.count):
        raise ValueError(
            f"tensor {name!r} reaches beyond its storage: shape {shape}, strides "
            f"{strides} and offset {offset} in {storage.count} numbers"
        )
    if not count:
        return np.empty(shape, dtype)
    # The stride of an axis with one entry means nothing and can be any number.
    steps = [
        s * dtype.itemsize if n > 1 else 0 for n, s in zip(shape, strides, strict=True)
    ]
    # NumPy, too, refuses what is beyond the bytes.
    return np.ndarray(
        shape, dtype, numbers[storage.key], offset * dtype.itemsize, steps
    )


class _PickleReader:
    """Follows the operations of pickles that hold tensors.

    `pickle.Unpickler` with a short list in its `find_class` would not do: large numbers
    in its memo take gigabytes, and a deeply nested key of a dict ends the process.

    Attributes:
        storages: Storages by key, of all the pickles read.
    """

    def __init__(self):
        self.storages = {}

    def read(self, stream: IO[bytes]) -> Any:
        """The object of a pickle; the stream then is at what follows.

        Numbers, texts, lists, tuples and dicts are themselves, tensors `_Tensor`.

        Raises:
            ValueError: It names something else, or is truncated.
            Exception: Its operations make no sense.
        """
        stack, marks, memo = [], [], {}

        def since_mark():
            start = marks.pop()
            items = stack[start:]
            del stack[start:]
            return items

        for operation, argument, _ in pickletools.genops(stream):
            match operation.name:
                case "PROTO" | "FRAME":
                    pass
                case "NONE" | "NEWTRUE" | "NEWFALSE":
                    stack.append(_CONSTANTS[operation.name])
                case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                    stack.append(argument)
                case "BINUNICODE" | "SHORT_BINUNICODE":
                    stack.append(argument)
                case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                    stack.append(_EMPTY[operation.name]())
                case "MARK":
                    marks.append(len(stack))
                case "TUPLE":
                    stack.append(tuple(since_mark()))
                case "TUPLE1" | "TUPLE2" | "TUPLE3":
                    items = [stack.pop() for _ in range(int(operation.name[-1]))]
                    stack.append(tuple(items[::-1]))
                case "APPEND":
                    item = stack.pop()
                    stack[-1].append(item)
                case "APPENDS":
                    items = since_mark()
                    stack[-1].extend(items)
                case "SETITEM":
                    value, key = stack.pop(), stack.pop()
                    _set_items(stack[-1], [key, value])
                case "SETITEMS":
                    items = since_mark()
                    _set_items(stack[-1], items)
                case "BINPUT" | "LONG_BINPUT":
                    memo[argument] = stack[-1]
                case "MEMOIZE":
                    memo[len(memo)] = stack[-1]
                case "BINGET" | "LONG_BINGET":
                    stack.append(memo[argument])
                case "GLOBAL":
                    stack.append(_known(argument.replace(" ", ".")))
                case "STACK_GLOBAL":
                    name, module = stack.pop(), stack.pop()
                    stack.append(_known(f"{module}.{name}"))
                case "BINPERSID":
                    stack.append(self._storage(stack.pop()))
                case "REDUCE":
                    arguments, function = stack.pop(), stack.pop()
                    stack.append(_made(function, arguments))
                case "BUILD":
                    # The `_metadata` of a state dict: versions of its modules.
                    stack.pop()
                case "STOP":
                    return stack.pop()
                case other:
                    raise ValueError(f"pickle operation {other} makes no tensor")

    def _storage(self, identifier):
        """Notes a storage; its location, such as `"cuda:0"`, does not matter."""
        _, dtype, key, _, count, *view = identifier
        if view not in ([], [None]):
            raise ValueError("storages that are parts of others are not supported")
        if not isinstance(dtype, str) or not isinstance(key, str):
            raise ValueError("a storage has no type or no key")
        (count,) = _naturals(count)
        storage = _Storage(key, _DTYPES[dtype], count)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {key!r} has two types or sizes")
        return storage


def _known(name):
    """The name of what a file may use; it stands for the thing itself."""
    if name not in (_DICT, _TENSOR, *_DTYPES):
        raise ValueError(f"it uses {name}, which is not supported and was not called")
    return name


def _made(function, arguments):
    if function == _DICT and arguments == ():
        return {}
    if function != _TENSOR:
        raise ValueError("it calls something else than tensors need")
    # What follows these four is about gradients.
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        raise ValueError("a tensor has no storage, or not one stride for each axis")
    (offset,) = _naturals(offset)
    return _Tensor(storage, offset, _naturals(*shape), _naturals(*strides))


def _naturals(*values):
    if any(type(value) is not int or value < 0 for value in values):
        raise ValueError("a size, stride or offset is no natural number")
    return values


def _set_items(target, items):
    keys, values = items[::2], items[1::2]
    # Nested tuples as keys would be hashed, without any bound to their depth.
    if not isinstance(target, dict) or {*map(type, keys)} - {str, int}:
        raise ValueError("a dict must have texts or numbers as keys")
    target.update(zip(keys, values, strict=True))
