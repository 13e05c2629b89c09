"""Checks FOLDER/from_agon, written by safetensors_test.cpp, with the format's own library and writes its content again
as FOLDER/from_python: usage: safetensors_peer.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

folder = Path(sys.argv[1])
with safe_open(folder / "from_agon", framework="numpy") as file:
    tensors = {name: file.get_tensor(name) for name in file.keys()}
    metadata = file.metadata()

expected = {
    "G.weight": np.array([[1.5, -2], [0, 1e-30]], np.float32),
    "G.scale": np.array(0.1, np.float64),
    "count": np.array([-(1 << 62)], np.int64),
    "labels": np.array([7, -8, 9], np.int32),
    "pixels": np.array([[[0], [128], [255]]], np.uint8),
    "mask": np.array([True, False]),
    "nothing": np.zeros((0, 4), np.float32),
}
assert tensors.keys() == expected.keys(), tensors.keys()
for name, array in expected.items():
    assert tensors[name].dtype == array.dtype and np.array_equal(tensors[name], array), (name, tensors[name])
assert metadata["step"] == "int64:-1234567890123" and metadata["name"] == 'a "name"\né', metadata

save_file(tensors, folder / "from_python", metadata)
