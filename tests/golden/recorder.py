"""What make_golden.py records its cases with: named arrays and integers, written as one safetensors file."""
import json
import struct
import zlib

import numpy as np
import torch

tensors, integers = {}, {}


def put(case, **values):
    """Stores values as "<case>.<name>": integers as attributes, the rest as arrays."""
    for name, value in values.items():
        if isinstance(value, (bool, int)):
            integers[f"{case}.{name}"] = int(value)
        else:
            tensors[f"{case}.{name}"] = value.detach().numpy().copy() if torch.is_tensor(value) else np.array(value)


def seeded(case):
    """Every case has random numbers of its own, so that adding one changes no other."""
    torch.manual_seed(zlib.crc32(case.encode()))


def differentiate(case, f, inputs):
    """Stores inputs, y = f(inputs), g and the gradients."""
    leaves = {name: x.detach().clone().requires_grad_() for name, x in inputs.items()}
    y = f(**leaves)
    g = torch.randn_like(y)
    gradients = torch.autograd.grad(y, list(leaves.values()), g)
    put(case, **leaves, y=y, g=g)
    put(f"{case}.grad", **dict(zip(leaves, gradients)))


def first(t):
    """Feature axis from last to second, as PyTorch wants it."""
    return t.movedim(-1, 1)


def last(t):
    return t.movedim(1, -1)


def module_case(case, x, parameters, y):
    """Stores x, the parameters of a module, its result y, g and the gradients."""
    g = torch.randn_like(y)
    gx, *gradients = torch.autograd.grad(y, [x, *parameters.values()], g)
    put(case, x=x, y=y, g=g)
    put(f"{case}.parameters", **parameters)
    put(f"{case}.gradients", **dict(zip(parameters, gradients)))
    put(f"{case}.grad", x=gx)


def save(path):
    """The safetensors format: header length, JSON header, arrays; wide elements first, so that all are aligned."""
    types = {"float64": "F64", "int32": "I32", "bool": "BOOL"}
    header, blocks, end = {"__metadata__": {k: f"int64:{v}" for k, v in sorted(integers.items())}}, [], 0
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        block = np.ascontiguousarray(array).tobytes()
        header[name] = dict(dtype=types[array.dtype.name], shape=array.shape, data_offsets=[end, end + len(block)])
        end += len(block)
        blocks.append(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))
