"""Records the learning rates (and momenta) of PyTorch's schedulers over 24 steps.

Run: python3 schedules.py > schedules.json   (recorded with torch 1.13.0)
"""
import json
import sys
import warnings

import torch
from torch.optim import lr_scheduler as s

STEPS = 24
BASE = 0.4

warnings.simplefilter("ignore")


def warm(opt, steps, start):
    return s.LinearLR(opt, start_factor=start, end_factor=1.0, total_iters=steps)


def after(make, start=0.1, steps=5):
    return lambda opt: s.SequentialLR(opt, [warm(opt, steps, start), make(opt)], [steps])


def during(make, start=0.1, steps=5):
    return lambda opt: s.ChainedScheduler([warm(opt, steps, start), make(opt)])


def one_cycle(**options):
    return lambda opt: s.OneCycleLR(opt, max_lr=BASE, total_steps=STEPS, **options)


CASES = {
    "constant": lambda opt: s.LambdaLR(opt, lambda t: 1.0),
    "multi-step": lambda opt: s.MultiStepLR(opt, [6, 11, 20], gamma=0.2),
    "exponential": lambda opt: s.ExponentialLR(opt, gamma=0.9),
    "staircase": lambda opt: s.StepLR(opt, step_size=7, gamma=0.5),
    "cosine": lambda opt: s.CosineAnnealingLR(opt, T_max=STEPS),
    "cosine-min": lambda opt: s.CosineAnnealingLR(opt, T_max=STEPS, eta_min=0.05 * BASE),
    "polynomial": lambda opt: s.PolynomialLR(opt, total_iters=STEPS, power=2.0),
    "linear-decay": lambda opt: s.LinearLR(opt, start_factor=1.0, end_factor=0.25, total_iters=STEPS),
    "warm-up+constant": after(lambda opt: s.LambdaLR(opt, lambda t: 1.0)),
    "warm-up+multi-step": after(lambda opt: s.MultiStepLR(opt, [6, 11], gamma=0.2)),
    "warm-up+exponential": after(lambda opt: s.ExponentialLR(opt, gamma=0.9)),
    "warm-up+cosine": after(lambda opt: s.CosineAnnealingLR(opt, T_max=STEPS - 5, eta_min=0.02 * BASE)),
    "warm-up+polynomial": after(lambda opt: s.PolynomialLR(opt, total_iters=STEPS - 5, power=0.5)),
    "warm-up*multi-step": during(lambda opt: s.MultiStepLR(opt, [3, 11], gamma=0.2)),
    "warm-up*exponential": during(lambda opt: s.ExponentialLR(opt, gamma=0.9)),
    "one-cycle": one_cycle(),
    "one-cycle-linear": one_cycle(anneal_strategy="linear", pct_start=0.4, div_factor=10, final_div_factor=100),
    "one-cycle-three-phase": one_cycle(three_phase=True, pct_start=0.35, base_momentum=0.8, max_momentum=0.9),
    "one-cycle-three-phase-linear": one_cycle(three_phase=True, anneal_strategy="linear"),
    "one-cycle-no-momentum": one_cycle(cycle_momentum=False),
}


def run(make):
    p = torch.nn.Parameter(torch.zeros(1))
    opt = torch.optim.SGD([p], lr=BASE, momentum=0.7)
    scheduler = make(opt)
    group, rates, momenta = opt.param_groups[0], [], []
    for _ in range(STEPS):
        rates.append(group["lr"])
        momenta.append(group["momentum"])
        opt.step()
        if len(rates) < STEPS:
            scheduler.step()
    return {"rates": rates, "momenta": momenta}


json.dump({"torch": torch.__version__, "base": BASE, "cases": {n: run(m) for n, m in CASES.items()}}, sys.stdout, indent=1)
print()
