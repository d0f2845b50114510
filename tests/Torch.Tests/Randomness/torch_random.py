"""Writes torch_random.json: numbers that PyTorch draws after manual_seed, for RandomScopeTests.

Run with /usr/bin/python3 (Debian's PyTorch 1.13, CPU).
"""

import json
import pathlib

import torch


def after(seed, draw):
    torch.manual_seed(seed)
    return draw().flatten().tolist()


numbers = {
    "version": torch.__version__,
    "randn_seed0": after(0, lambda: torch.randn(8)),
    "randn_seed0_20": after(0, lambda: torch.randn(20)),
    "rand_seed7": after(7, lambda: torch.rand(5)),
    "randperm_seed3": after(3, lambda: torch.randperm(10)),
    "randint_seed5": after(5, lambda: torch.randint(0, 1000, (6,))),
    "dropout_seed1": after(1, lambda: torch.nn.functional.dropout(torch.ones(12), 0.5)),
    "uniform_then_normal_seed9": after(9, lambda: torch.cat([torch.rand(3), torch.randn(3)])),
}
path = pathlib.Path(__file__).with_name("torch_random.json")
path.write_text(json.dumps(numbers, indent=1) + "\n")
