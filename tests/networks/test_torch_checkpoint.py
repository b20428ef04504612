"""Files of `torch.save` give their tensors; others are refused, and never run."""

import io
import os
import pickle
import re
import struct
import zipfile

import numpy as np
import pytest

from adafuse_tf.networks.torch_checkpoint import read_torch_checkpoint

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"int": 4}}
TYPES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
}
NUMBERS = np.arange(12, dtype="float32")


class Raw(bytes):
    """Operations as they are."""


def ops(value):
    """The operations of pickle protocol 2 that push a value."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, tuple):
        return b"(" + b"".join(map(ops, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(ops, value)) + b"e"
    if isinstance(value, dict):
        items = (part for item in value.items() for part in item)
        return b"}(" + b"".join(map(ops, items)) + b"u"
    return pickle.dumps(value, 2)[2:-1]


def named(module, name):
    return Raw(f"c{module}\n{name}\n".encode())


def calls(function, *arguments):
    return Raw(ops(function) + ops(arguments) + b"R")


def storage(dtype="float32", key="0", count=12, *view):
    kind = named("torch", TYPES.get(dtype, dtype))
    return Raw(ops(("storage", kind, key, "cpu", count, *view)) + b"Q")


def tensor(row, offset=0, shape=(12,), strides=(1,)):
    rebuild = named("torch._utils", "_rebuild_tensor_v2")
    hooks = calls(named("collections", "OrderedDict"))
    return calls(rebuild, row, offset, shape, strides, False, hooks)


def pickled(value):
    return b"\x80\x02" + ops(value) + b"."


def zipped(program, numbers, method=zipfile.ZIP_STORED, root="archive", order=None):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(f"{root}/data.pkl", program)
        if order:
            archive.writestr(f"{root}/byteorder", order)
        for key, values in enumerate(numbers):
            archive.writestr(f"{root}/data/{key}", values.tobytes())
        archive.writestr(f"{root}/version", "3\n")
    return file.getvalue()


def legacy(program, numbers, version=VERSION, system=SYSTEM, keys=None):
    if keys is None:
        keys = [str(key) for key in range(len(numbers))]
    heads = (MAGIC, version, system)
    parts = [*map(pickled, heads), program, pickled(keys)]
    for values in numbers:
        parts += [struct.pack("<q", values.size), values.tobytes()]
    return b"".join(parts)


@pytest.fixture
def read(tmp_path):
    def function(content):
        (tmp_path / "model.pth").write_bytes(content)
        return read_torch_checkpoint(tmp_path / "model.pth")

    return function


@pytest.fixture
def refused(read):
    """Reads what must be refused and returns why."""

    def function(content):
        with pytest.raises(ValueError, match="Not a readable PyTorch") as caught:
            read(content)
        assert "model.pth" in str(caught.value)
        return str(caught.value)

    return function


@pytest.mark.parametrize("write", (zipped, legacy))
@pytest.mark.parametrize("dtype", TYPES)
def test_numbers(read, write, dtype):
    values = np.array([0, 1, 2, 100, 7, 3], dtype)
    row = storage(dtype, "0", 6)
    found = read(write(pickled({"a.weight": tensor(row, 0, (2, 3), (3, 1))}), [values]))
    assert list(found) == ["a.weight"] and found["a.weight"].dtype == dtype
    np.testing.assert_array_equal(found["a.weight"], values.reshape(2, 3))
    assert not found["a.weight"].flags.writeable


@pytest.mark.parametrize("write", (zipped, legacy))
@pytest.mark.parametrize(
    "offset, shape, strides, expected",
    (
        (0, (3, 4), (4, 1), NUMBERS.reshape(3, 4)),
        (0, (4, 3), (1, 4), NUMBERS.reshape(3, 4).T),
        (1, (2, 2), (6, 2), [[1, 3], [7, 9]]),
        (11, (), (), 11),
        (11, (1, 1), (2**70, 5), [[11]]),
        (5, (3,), (0,), [5, 5, 5]),
        (0, (2, 0), (1, 1), np.empty((2, 0))),
    ),
)
def test_arrangements(read, write, offset, shape, strides, expected):
    program = pickled({"x": tensor(storage(), offset, shape, strides)})
    np.testing.assert_array_equal(read(write(program, [NUMBERS]))["x"], expected)


@pytest.mark.parametrize("write", (zipped, legacy))
def test_state_dicts(read, write):
    state = {
        "a": tensor(storage()),
        "b": tensor(storage("int64", "1", 1, None), 0, (), ()),
        "c": tensor(storage(), 6, (6,)),
    }
    # An OrderedDict with the versions of its modules.
    items = Raw(b"(" + b"".join(ops(k) + ops(v) for k, v in state.items()) + b"u")
    empty = calls(named("collections", "OrderedDict"))
    state = Raw(empty + items + ops({"_metadata": {"": {"version": 1}}}) + b"b")
    program = pickled({"epoch": 3, "best": 0.5, "state_dict": state, "args": [None]})
    found = read(write(program, [NUMBERS, np.array([40])]))
    assert list(found) == ["a", "b", "c"]
    assert found["b"] == 40 and found["b"].shape == ()
    np.testing.assert_array_equal(found["c"], NUMBERS[6:])
    assert np.shares_memory(found["a"], found["c"])


def test_other_protocols(read):
    # 4 is what `pickle_protocol=4` gives; "a" twice, so that it is remembered.
    for protocol in (2, 3, 4):
        program = pickle.dumps({"state_dict": {}, "a": ["a", "a"]}, protocol)
        assert read(zipped(program, [])) == {}
    rebuild = ops("torch._utils") + ops("_rebuild_tensor_v2") + b"\x93"
    arguments = ops((storage(), 0, (12,), (1,), False, {}))
    program = pickled({"a": Raw(rebuild + arguments + b"R")})
    np.testing.assert_array_equal(read(zipped(program, [NUMBERS]))["a"], NUMBERS)


def test_files_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch: adafuse_tf[convert]")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = {**net.state_dict(), "turned": torch.arange(6.0).reshape(2, 3).T}
    for zips in (True, False):
        torch.save(state, tmp_path / "x", _use_new_zipfile_serialization=zips)
        found = read_torch_checkpoint(tmp_path / "x")
        assert found.keys() == state.keys()
        for name, value in state.items():
            np.testing.assert_array_equal(found[name], value.numpy())


class Evil:
    def __reduce__(self):
        return os.mkdir, ("made",)


@pytest.mark.parametrize("write", (zipped, legacy))
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_no_code_runs(refused, write, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reason = refused(write(pickle.dumps({"x": Evil()}, protocol), []))
    assert f"uses {os.mkdir.__module__}.mkdir, which" in reason
    assert not (tmp_path / "made").exists()
    pickle.loads(pickle.dumps(Evil(), protocol))
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "value, reason",
    (
        (named("torch", "BFloat16Storage"), "uses torch.BFloat16Storage, which"),
        (storage("float32.__class__"), "uses torch.float32.__class__, which"),
        (calls(named("torch", "FloatStorage"), 8), "it calls something else"),
        (calls("builtins.eval", "1"), "it calls something else"),
        (calls(named("collections", "OrderedDict"), [("a", 1)]), "something else"),
        (Raw(b")\x81"), "operation NEWOBJ makes no tensor"),
        (Raw(b"I1\n"), "operation INT makes no tensor"),
        (Raw(b"\x82\x01"), "operation EXT1 makes no tensor"),
        (Raw(b"h\x07"), "KeyError"),
        (Raw(b"a"), "AttributeError"),
        (Raw(b"t"), "IndexError"),
        (tensor(5), "a tensor has no storage"),
        (tensor(storage("float32", "0", -1)), "no natural number"),
        (tensor(storage("float32", "0", 3)), "'0' (has 48 bytes for 12|is truncated)"),
        (tensor(storage("float64")), "'0' has 48 bytes for 96"),
        (tensor(storage("float32", "0", 2**60)), "'0' (has 48 bytes for|is trunc)"),
        (tensor(storage("float32", "../0")), "no storage '../0'|that it lists"),
        (tensor(storage("float32", "0", 12, ("0", 0, 6))), "parts of others"),
        (tensor(storage("float32", 0)), "no type or no key"),
        ([tensor(storage()), tensor(storage("int32"))], "two types or sizes"),
        (tensor(storage(), 1), r"'x' reaches beyond .* offset 1 in 12 numbers"),
        (tensor(storage(), 0, (2,), (12,)), "reaches beyond its storage"),
        (tensor(storage(), 0, (2**40,), (0,)), "reaches beyond its storage"),
        (tensor(storage(), 0, (2**40, 2**40), (1, 1)), "reaches beyond its storage"),
        (tensor(storage(), 2**80), "reaches beyond its storage"),
        (tensor(storage(), 0, (0, 2**62)), "not one stride for each axis"),
        (tensor(storage(), 0, (0, 2**62), (1, 1)), "too big"),
        (tensor(storage(), 0, (1,) * 70, (1,) * 70), "dimension"),
        (tensor(storage(), 3, (2,), (-1,)), "no natural number"),
        (tensor(storage(), True), "no natural number"),
        (tensor(storage(), 0, (1.0,)), "no natural number"),
        (tensor(storage(), 0, 12, 1), "TypeError"),
    ),
)
@pytest.mark.parametrize("write", (zipped, legacy))
def test_what_is_no_tensor(refused, write, value, reason):
    assert re.search(reason, refused(write(pickled({"x": value}), [NUMBERS])))


def test_pickles_that_would_end_the_process(refused):
    depth = 200_000
    nested = b"N" + b"\x85" * depth
    for program in (b"}" + nested + b"Ns.", b"}(" + nested + b"Nu."):
        assert "texts or numbers as keys" in refused(zipped(program, []))
    assert "has a tuple under 'x'" in refused(zipped(pickled({"x": Raw(nested)}), []))
    # Index 2^32 - 1 of the memo: pickle.Unpickler makes room for as many.
    assert "no dict of tensors but a str" in refused(
        zipped(b"X\1\0\0\0ar\xff\xff\xff\xff.", [])
    )


@pytest.mark.parametrize("write", (zipped, legacy))
def test_truncated(refused, write):
    content = write(pickled({"x": tensor(storage())}), [NUMBERS])
    for size in range(len(content)):
        refused(content[:size])


@pytest.mark.parametrize("write", (zipped, legacy))
def test_damaged(read, write):
    content = write(pickled({"x": tensor(storage())}), [NUMBERS])
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        try:
            found = read(bytes(damaged))
        except ValueError as error:
            assert "Not a readable PyTorch" in str(error)
        else:
            assert all(x.size <= NUMBERS.size for x in found.values())


def test_other_files(refused, tmp_path):
    program = pickled({"x": tensor(storage())})
    for content in (b"", b"PK", b"\x89HDF\r\n", pickle.dumps({})):
        assert "begins as no file" in refused(content)
    assert "no dict of tensors but a list" in refused(zipped(pickled([]), []))
    compressed = zipped(program, [NUMBERS], zipfile.ZIP_DEFLATED)
    for value in (5, {"y": 5}, None):
        reason = f"has a {type(value).__name__} under 'x'"
        assert reason in refused(zipped(pickled({"x": value}), []))
    assert "under 3" in refused(zipped(pickled({3: 5}), []))
    assert "compressed" in refused(compressed)
    assert "no data.pkl" in refused(zipped(program, [NUMBERS], root="a/b"))
    assert "little-endian" in refused(zipped(program, [NUMBERS], order="big"))
    assert "version is unknown" in refused(legacy(program, [NUMBERS], version=7))
    big = {**SYSTEM, "little_endian": False}
    assert "little-endian" in refused(legacy(program, [NUMBERS], system=big))
    for keys in (["0", "0"], ["1"], [], ("0",), [("0",)]):
        assert "storages" in refused(legacy(program, [NUMBERS], keys=keys))
    with pytest.raises(FileNotFoundError):
        read_torch_checkpoint(tmp_path / "none.pth")


def test_little_endian(read):
    program = pickled({"x": tensor(storage())})
    found = read(zipped(program, [NUMBERS], order="little"))
    np.testing.assert_array_equal(found["x"], NUMBERS)


def test_parts_that_are_larger_than_the_file(refused):
    # As where one part lies within the next, and that within another.
    file = io.BytesIO(zipped(pickled({"x": tensor(storage())}), [NUMBERS]))
    with zipfile.ZipFile(file, "a") as archive:
        part = archive.getinfo("archive/data/0")
        part.file_size = part.compress_size = 10_000
        archive.writestr("archive/other", "")
    assert "larger than it" in refused(file.getvalue())
