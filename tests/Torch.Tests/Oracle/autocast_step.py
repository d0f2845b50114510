#!/usr/bin/python3
"""Three SGD steps of a small convolutional net in PyTorch, with bf16 CPU autocast and without.

Writes autocast_step.json beside this file. Recorded with PyTorch 1.13 (Debian's python3-torch), one thread.
Inputs and weights come from a formula, so that the test can rebuild them without a file.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def wave(shape, phase, scale):
    n = 1
    for s in shape:
        n *= s
    values = torch.arange(n, dtype=torch.float64)
    return (torch.sin(0.7 * values + phase) * scale).to(torch.float32).reshape(shape)


SHAPES = [("conv1", (4, 2, 3, 3), 1.0, 0.35), ("conv2", (6, 4, 3, 3), 2.0, 0.25), ("fc", (3, 96), 3.0, 0.15)]


def run(autocast):
    parameters = {name: wave(shape, phase, scale).requires_grad_() for name, shape, phase, scale in SHAPES}
    x = wave((4, 2, 8, 8), 0.5, 1.5)
    target = torch.tensor([0, 2, 1, 2])
    optimizer = torch.optim.SGD(parameters.values(), lr=0.05, momentum=0.9)
    result = {"losses": []}
    for step in range(3):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            h1 = F.relu(F.conv2d(x, parameters["conv1"], padding=1))
            h2 = F.relu(F.conv2d(h1, parameters["conv2"], stride=2, padding=1))
            logits = F.linear(h2.flatten(1), parameters["fc"])
            loss = F.cross_entropy(logits.float(), target)
        loss.backward()
        result["losses"].append(loss.item())
        if step == 0:
            result["dtypes"] = [str(t.dtype) for t in (h1, h2, logits)]
            result["logits"] = logits.float().flatten().tolist()
            result["gradients"] = {n: p.grad.flatten().tolist() for n, p in parameters.items()}
        optimizer.step()
    return result


path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(
    json.dumps({"torch": torch.__version__, "autocast": run(True), "float32": run(False)}, indent=1) + "\n"
)
