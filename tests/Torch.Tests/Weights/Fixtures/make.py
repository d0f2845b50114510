#!/usr/bin/env python3
"""Writes the interchange fixtures of this folder, with what they hold recorded in expected.json.

The PyTorch files are written by torch.save (made with PyTorch 1.13); the safetensors files byte by byte from the
format's description with nothing but struct and json, so that neither reader nor writer of this product is involved.
Run it in this folder: python3 make.py
"""
import collections
import json
import os
import struct
import warnings
import zipfile

import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)
HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
    torch.complex64: "C64",
}
expected = {}


def raw(tensor):
    tensor = tensor.detach().contiguous().clone()
    if tensor.dtype == torch.bfloat16:  # numpy has none: look at the bits
        return tensor.view(torch.int16).numpy().tobytes()
    return tensor.numpy().tobytes()


def record(file, tensors, root="", values=None):
    expected[file] = {
        "root": root,
        "tensors": {
            name: {"dtype": NAMES[t.dtype], "shape": list(t.shape), "hex": raw(t).hex()} for name, t in tensors.items()
        },
        "values": values or {},
    }


def save(file, content, **kwargs):
    torch.save(content, os.path.join(HERE, file), **kwargs)


def dtypes():
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    return collections.OrderedDict(
        f64=torch.tensor([1.5, -2.25, float("inf")], dtype=torch.float64),
        f32=torch.tensor([[1.0, float("nan")], [-0.0, 3e38]]),
        f16=torch.tensor([1.0, -65504.0, 6e-8], dtype=torch.float16),
        bf16=torch.tensor([1.0, -3.140625, 1e38], dtype=torch.bfloat16),
        i64=torch.tensor([-(2 ** 63), 2 ** 63 - 1]),
        i32=torch.tensor([[-1], [2 ** 31 - 1]], dtype=torch.int32),
        i16=torch.tensor([-32768, 5], dtype=torch.int16),
        i8=torch.tensor([-128, 127], dtype=torch.int8),
        u8=torch.tensor([0, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]),
        c64=torch.tensor([1 + 2j], dtype=torch.complex64),
        scalar=torch.tensor(7.5),
        empty=torch.empty(0, 3),
        row=base[1],
        transposed=base.t(),
        stepped=base[:, ::2],
        expanded=torch.tensor([4.0]).expand(3),
        channels_last=torch.arange(16.0).reshape(1, 2, 2, 4).contiguous(memory_format=torch.channels_last),
    )


def network():
    return nn.Sequential(
        collections.OrderedDict(
            conv=nn.Conv2d(1, 2, 3), bn=nn.BatchNorm2d(2), flat=nn.Flatten(), fc=nn.Linear(8, 3)
        )
    )


def pytorch_files():
    tensors = dtypes()
    save("dtypes.pth", tensors)
    record("dtypes.pth", tensors)
    save("dtypes_legacy.pth", tensors, _use_new_zipfile_serialization=False)
    record("dtypes_legacy.pth", tensors)

    net = network()
    net(torch.randn(4, 1, 4, 4))  # moves the running statistics
    save("network.pth", net.state_dict())
    record("network.pth", net.state_dict())

    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.randn(4, 1, 4, 4)).sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3, "best": 0.75, "arch": "tiny", "note": None, "done": False, "seed": 2 ** 64 - 1, "big": 2 ** 40,
        "history": [1, (2.5, "x"), {}], "model": net.state_dict(), "optimizer": optimizer.state_dict(),
        "parameter": nn.Parameter(torch.ones(2)),
    }
    values = {
        "epoch": 3, "best": 0.75, "arch": "tiny", "note": None, "done": False, "seed": str(2 ** 64 - 1),
        "big": 2 ** 40, "history.0": 1, "history.1": [2.5, "x"],
        "optimizer.param_groups.0.lr": 0.1, "optimizer.param_groups.0.params": [0, 1, 2, 3, 4, 5],
    }
    del checkpoint["parameter"]
    save("checkpoint.pth", checkpoint)
    record("checkpoint.pth", net.state_dict(), "model", values)

    nested = {"state_dict": collections.OrderedDict((f"module.{k}", v) for k, v in net.state_dict().items()), "epoch": 3}
    save("nested_legacy.pth", nested, _use_new_zipfile_serialization=False)
    record("nested_legacy.pth", nested["state_dict"], "state_dict", {"epoch": 3})

    parts = {"generator": {"w": nn.Parameter(torch.ones(2))}, "critics": [{"w": torch.zeros(1)}, {"w": torch.zeros(2)}]}
    save("parts.pth", parts)
    record("parts.pth", {"generator.w": torch.ones(2), "critics.0.w": torch.zeros(1), "critics.1.w": torch.zeros(2)})

    save("bare.pth", torch.arange(3))
    record("bare.pth", {"tensor": torch.arange(3)})

    save("other_protocol.pth", {"w": torch.ones(1)}, pickle_protocol=4)
    save("whole_module.pth", nn.Linear(1, 1))
    scripted = torch.jit.script(nn.Linear(1, 1))
    scripted.save(os.path.join(HERE, "script.pt"))


class Payload:
    """What every tutorial on malicious checkpoints shows: unpickling it runs a command."""

    def __reduce__(self):
        return os.system, ("echo this file ran a command > executed",)


def attacks():
    content = {"w": torch.ones(1), "payload": Payload()}
    save("attack.pth", content)
    save("attack_legacy.pth", content, _use_new_zipfile_serialization=False)


def recompressed():
    """What a user gets who unpacks a state dict and packs it again with an ordinary zip program."""
    source = zipfile.ZipFile(os.path.join(HERE, "dtypes.pth"))
    with zipfile.ZipFile(os.path.join(HERE, "dtypes_deflated.pth"), "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, source.read(name))
    record("dtypes_deflated.pth", dtypes())


def safetensors(file, tensors, metadata=None, pad=8):
    """Header order is the order given; the data follows in the same order."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        content = raw(tensor)
        header[name] = {
            "dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % pad)
    with open(os.path.join(HERE, file), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)
    record(file, tensors, values=metadata or {})


def safetensors_files():
    tensors = dtypes()
    order = ["I64", "F64", "C64", "F32", "I32", "BF16", "F16", "I16", "I8", "U8", "BOOL"]
    ordered = dict(sorted(tensors.items(), key=lambda item: (order.index(NAMES[item[1].dtype]), item[0].encode())))
    safetensors("dtypes.safetensors", ordered, {"format": "pt", "größe": "naïve \"quoted\" \\ text"})
    safetensors("unaligned.safetensors", {"b": torch.tensor([True]), "ünïcode/名": torch.tensor([1.0, 2.0])}, pad=1)
    safetensors("empty.safetensors", {})
    first = {"a": torch.arange(4.0), "b": torch.tensor(3)}
    second = {"c.weight": torch.ones(2, 2, dtype=torch.float16)}
    safetensors("shard-00001-of-00002.safetensors", first)
    safetensors("shard-00002-of-00002.safetensors", second)
    index = {
        "metadata": {"total_size": 32, "nested": {"free": [1, 2]}},
        "weight_map": {
            **{name: "shard-00001-of-00002.safetensors" for name in first},
            **{name: "shard-00002-of-00002.safetensors" for name in second},
        },
    }
    with open(os.path.join(HERE, "shards.safetensors.index.json"), "w") as out:
        json.dump(index, out, indent=2)
    record("shards.safetensors.index.json", {**first, **second})


if __name__ == "__main__":
    pytorch_files()
    attacks()
    recompressed()
    safetensors_files()
    expected["made with"] = {"torch": torch.__version__, "numpy": np.__version__}
    with open(os.path.join(HERE, "expected.json"), "w") as out:
        json.dump(expected, out, indent=1, sort_keys=True)
        out.write("\n")
