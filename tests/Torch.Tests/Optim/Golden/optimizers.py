"""Records what PyTorch's optimisers do to three small parameters in two groups over 20 steps.

Run: python3 optimizers.py > optimizers.json   (recorded with torch 1.13.0, CPU)

The gradient of element i of parameter k in step t is c * (p - d) + e * (t + 1), with c, d, e as in coefficients():
polynomials only, so that both sides compute the same numbers. Parameter "b" has no gradient where t % 3 == 0, nor in
the first steps, so that states begin at different times.
"""
import json
import sys

import torch

SHAPES = {"a": [3, 4], "b": [5], "c": [2, 2, 3]}
GROUPS = [["a", "b"], ["c"]]
STEPS = 20

CASES = [
    ("sgd", "plain", {"lr": 0.1}, {}),
    ("sgd", "weight_decay", {"lr": 0.1, "weight_decay": 0.05}, {"lr": 0.03}),
    ("sgd", "momentum", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}, {"weight_decay": 0.0}),
    ("sgd", "dampening", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3}, {"momentum": 0.5}),
    ("sgd", "nesterov", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02}, {"lr": 0.02}),
    ("adam", "plain", {"lr": 0.02}, {}),
    ("adam", "weight_decay", {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.1}, {"lr": 0.05}),
    ("adamw", "plain", {"lr": 0.02}, {"weight_decay": 0.0}),
    ("adamw", "weight_decay", {"lr": 0.02, "betas": [0.8, 0.95], "weight_decay": 0.1}, {"lr": 0.05, "eps": 1e-3}),
    ("lars", "plain", {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.0}, {}),
    ("lars", "weight_decay", {"lr": 2.0, "momentum": 0.9, "weight_decay": 0.01}, {"lr": 0.5}),
]


def coefficients(k, n, dtype):
    i = torch.arange(n, dtype=torch.float64)
    c = 0.25 + ((7 * i + k) % 5) / 8
    d = ((3 * i + 2 * k) % 7) / 4 - 0.75
    e = ((5 * i + k) % 3 - 1) / 64
    return [x.to(dtype) for x in (c, d, e)]


class Lars(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling (You et al. 2017) in the form used by BYOL and Barlow Twins: biases and
    normalisation parameters (one dimension) get neither weight decay nor adaptation."""

    def __init__(self, params, lr, weight_decay=0.0, momentum=0.9, eta=0.001):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, momentum=momentum, eta=eta))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                update = p.grad
                if p.ndim > 1:
                    update = update + group["weight_decay"] * p
                    w, u = p.norm(), update.norm()
                    if w > 0 and u > 0:
                        update = update * (group["eta"] * w / u)
                state = self.state[p]
                state["mu"] = group["momentum"] * state.get("mu", 0.0) + update
                p -= group["lr"] * state["mu"]


def run(kind, options, second, dtype):
    torch.manual_seed(0)
    parameters = {}
    for k, (name, shape) in enumerate(SHAPES.items()):
        n = torch.Size(shape).numel()
        start = (((11 * torch.arange(n, dtype=torch.float64) + 3 * k) % 13) / 8 - 0.7).to(dtype)
        parameters[name] = torch.nn.Parameter(start.reshape(shape))
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "lars": Lars}[kind]
    first = [parameters[n] for n in GROUPS[0]]
    optimizer = make([{"params": first}, {"params": [parameters[n] for n in GROUPS[1]], **second}], **options)
    for t in range(STEPS):
        for k, (name, p) in enumerate(parameters.items()):
            c, d, e = coefficients(k, p.numel(), dtype)
            flat = p.detach().reshape(-1)
            gradient = (c * (flat - d) + e * (t + 1)).reshape(p.shape)
            p.grad = None if name == "b" and t % 3 == 0 else gradient
        optimizer.step()
    return {name: p.detach().to(torch.float64).reshape(-1).tolist() for name, p in parameters.items()}


def main():
    cases = [
        {
            "algorithm": kind,
            "name": name,
            "options": options,
            "second": second,
            "float64": run(kind, dict(options), dict(second), torch.float64),
            "float32": run(kind, dict(options), dict(second), torch.float32),
        }
        for kind, name, options, second in CASES
    ]
    json.dump({"torch": torch.__version__, "steps": STEPS, "cases": cases}, sys.stdout, indent=1)
    print()


main()
