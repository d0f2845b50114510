#!/usr/bin/python3
"""A teacher as a PyTorch user has one, and what PyTorch says of a student.

teacher.py train IMAGES OUT: trains a ResNet on images [N, 12, 12, 3] (bytes) of IMAGES.rgb, labels (bytes) of IMAGES.labels, with a
head of six classes of which four occur, and saves a checkpoint whose names begin with module.encoder.
teacher.py ask STUDENT IMAGES OUT: the logits (float32) of a CIFAR ResNet-8 in a safetensors file for images [N, 12, 12, 3].
"""
import json
import struct
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 12


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet(nn.Module):
    """One block per stage; a 3x3 stem without pooling."""

    def __init__(self, widths, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        for i, width in enumerate(widths):
            block = BasicBlock(widths[max(i - 1, 0)], width, 1 if i == 0 else 2)
            setattr(self, f"layer{i + 1}", nn.Sequential(block))
        self.stages = len(widths)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean((2, 3)))


def images(path):
    with open(path, "rb") as file:
        pixels = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
    return (pixels.view(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25


def train(path, out):
    torch.manual_seed(1)
    x = images(path + ".rgb")
    with open(path + ".labels", "rb") as file:
        y = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).long()
    net = ResNet([4, 8, 16, 32], 6)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for epoch in range(6):
        for rows in torch.randperm(len(x)).split(16):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        print("accuracy", (net(x).argmax(1) == y).float().mean().item())
    weights = {"module.encoder." + name: value for name, value in net.state_dict().items()}
    torch.save({"epoch": 6, "state_dict": weights}, out)


def ask(student, path, out):
    with open(student, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I64": torch.int64}
    state = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        state[name] = torch.frombuffer(data[begin:end], dtype=types[entry["dtype"]]).view(entry["shape"])
    classes = state["fc.weight"].shape[0]
    net = ResNet([16, 32, 64], classes)
    net.load_state_dict(state)
    net.eval()
    with torch.no_grad(), open(out, "wb") as file:
        file.write(net(images(path)).contiguous().numpy().astype("<f4").tobytes())


if __name__ == "__main__":
    {"train": train, "ask": ask}[sys.argv[1]](*sys.argv[2:])
