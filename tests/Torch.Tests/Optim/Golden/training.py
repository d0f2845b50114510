"""Records 20 training steps of a small convolutional network in PyTorch: weights, data and losses.

Run: python3 training.py > training.json   (recorded with torch 1.13.0, CPU)

Four batches of 8 images [3, 8, 8] in 5 classes are used in turn; cross-entropy; two groups, the second ("bias" and
normalisation) without weight decay. Tensors are base64 of little-endian float32.
"""
import base64
import json
import sys

import torch
from torch import nn

STEPS = 20


def network():
    torch.manual_seed(7)
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 8, 3, padding=1, bias=False))
    net.add_module("bn1", nn.BatchNorm2d(8))
    net.add_module("relu1", nn.ReLU())
    net.add_module("pool1", nn.MaxPool2d(2))
    net.add_module("conv2", nn.Conv2d(8, 12, 3, padding=1))
    net.add_module("bn2", nn.BatchNorm2d(12))
    net.add_module("relu2", nn.ReLU())
    net.add_module("pool2", nn.AvgPool2d(4))
    net.add_module("flatten", nn.Flatten())
    net.add_module("linear", nn.Linear(12, 5))
    return net


def data():
    generator = torch.Generator().manual_seed(11)
    labels = torch.randint(0, 5, (4, 8), generator=generator)
    inputs = torch.randn(4, 8, 3, 8, 8, generator=generator)
    return inputs + labels[:, :, None, None, None] * 0.2, labels


def optimizer(kind, net):
    decayed = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    if kind == "sgd":
        return torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=5e-3, nesterov=True)
    return torch.optim.AdamW(groups, lr=0.01, weight_decay=0.05)


def run(kind):
    net, (inputs, labels) = network(), data()
    opt = optimizer(kind, net)
    losses = []
    for t in range(STEPS):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(inputs[t % 4]), labels[t % 4])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def encode(t):
    return base64.b64encode(t.detach().contiguous().numpy().astype("<f4").tobytes()).decode()


def main():
    inputs, labels = data()
    record = {
        "torch": torch.__version__,
        "weights": {name: encode(p) for name, p in network().named_parameters()},
        "inputs": encode(inputs),
        "labels": labels.tolist(),
        "losses": {kind: run(kind) for kind in ("sgd", "adamw")},
    }
    json.dump(record, sys.stdout, indent=1)
    print()


main()
