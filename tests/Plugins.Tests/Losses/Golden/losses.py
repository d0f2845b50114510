"""Records what PyTorch makes of the formulas of the losses, value and gradient, in double precision.

Run: python3 losses.py > losses.json   (recorded with torch 1.13.0)

The n-th entry of an input is 1.5 sin(0.37 n + phase); the phase is the number of the input within its case, the
student's inputs first. The formulas are written after the published code of RepDistiller, mdistiller, DIST_KD and
logit-standardization-KD, loop by loop where that is short.
"""
import json

import torch
import torch.nn.functional as F


def values(shape, phase):
    count = int(torch.tensor(shape).prod())
    return (1.5 * torch.sin(0.37 * torch.arange(count, dtype=torch.float64) + phase)).view(shape)


def dkd(s, t, labels, temperature, alpha, beta):
    truth = F.one_hot(labels, s.shape[1]).bool()
    p_s, p_t = F.softmax(s / temperature, 1), F.softmax(t / temperature, 1)
    b_s = torch.stack([p_s[truth], 1 - p_s[truth]], 1)
    b_t = torch.stack([p_t[truth], 1 - p_t[truth]], 1)
    target = F.kl_div(b_s.log(), b_t, reduction="batchmean")
    other = F.kl_div(
        F.log_softmax(s / temperature - 1000.0 * truth, 1),
        F.softmax(t / temperature - 1000.0 * truth, 1),
        reduction="batchmean",
    )
    return temperature**2 * (alpha * target + beta * other)


def dist(s, t, temperature, inter, intra):
    def rho(a, b):
        a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
        return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1) + 1e-8)

    y_s, y_t = (s / temperature).softmax(1), (t / temperature).softmax(1)
    return temperature**2 * (inter * (1 - rho(y_s, y_t).mean()) + intra * (1 - rho(y_s.t(), y_t.t()).mean()))


def lskd(s, t, temperature):
    def standardised(z):
        return (z - z.mean(1, keepdim=True)) / (1e-7 + z.std(1, keepdim=True))

    q, p = F.log_softmax(standardised(s) / temperature, 1), F.softmax(standardised(t) / temperature, 1)
    return F.kl_div(q, p, reduction="none").sum(1).mean() * temperature**2


def aligned(a, b):
    if a.shape[2] > b.shape[2]:
        return F.adaptive_avg_pool2d(a, b.shape[2:]), b
    return a, F.adaptive_avg_pool2d(b, a.shape[2:])


def at(students, teachers, paper):
    total = 0
    for s, t in zip(students, teachers):
        s, t = aligned(s, t)
        a, b = (F.normalize(f.pow(2).mean(1).flatten(1)) for f in (s, t))
        total = total + ((a - b).pow(2).sum(1).sqrt().mean() if paper else (a - b).pow(2).mean())
    return total


def sp(students, teachers):
    total = 0
    for s, t in zip(students, teachers):
        s, t = s.flatten(1), t.flatten(1)
        difference = F.normalize(t @ t.t()) - F.normalize(s @ s.t())
        total = total + difference.pow(2).sum() / s.shape[0] ** 2
    return total


def nst(students, teachers):
    def kernel(a, b):
        return (a.unsqueeze(1) * b.unsqueeze(2)).sum(-1).pow(2).mean()

    total = 0
    for s, t in zip(students, teachers):
        s, t = (F.normalize(f.flatten(2), dim=2) for f in aligned(s, t))
        total = total + kernel(t, t) + kernel(s, s) - 2 * kernel(s, t)
    return total


def fsp(students, teachers):
    def flows(maps):
        for first, second in zip(maps, maps[1:]):
            first, second = aligned(first, second)
            yield torch.einsum("bchw,bdhw->bcd", first, second) / (first.shape[2] * first.shape[3])

    return sum((a - b).pow(2).mean() for a, b in zip(flows(students), flows(teachers)))


def rkd(s, t, distance, angle):
    def distances(e):
        d = torch.cdist(e, e, compute_mode="donot_use_mm_for_euclid_dist")
        return d / d[d > 0].mean()

    def angles(e):
        ways = F.normalize(e.unsqueeze(0) - e.unsqueeze(1), dim=2)
        return torch.einsum("ijd,ikd->ijk", ways, ways)

    return distance * F.smooth_l1_loss(distances(s), distances(t)) + angle * F.smooth_l1_loss(angles(s), angles(t))


def pkt(s, t):
    def choices(e):
        e = e / (e.pow(2).sum(1, keepdim=True).sqrt() + 1e-7)
        similar = (e @ e.t() + 1) / 2
        return similar / similar.sum(1, keepdim=True)

    q, p = choices(s), choices(t)
    return (p * torch.log((p + 1e-7) / (q + 1e-7))).mean()


cases = []


def case(loss, student, teacher, function, **options):
    inputs = [values(shape, n) for n, shape in enumerate(student + teacher)]
    students, teachers = inputs[: len(student)], inputs[len(student) :]
    for s in students:
        s.requires_grad_(True)
    value = function(students, teachers)
    value.backward()
    cases.append(
        {
            "loss": loss,
            "options": options,
            "student": student,
            "teacher": teacher,
            "value": value.item(),
            "gradients": [s.grad.flatten().tolist() for s in students],
        }
    )


rows = [[5, 6]]
labels = torch.tensor([0, 3, 5, 2, 3])
case(
    "dkd",
    rows,
    rows,
    lambda s, t: dkd(s[0], t[0], labels, 2.0, 1.5, 3.0),
    temperature=2.0,
    alpha=1.5,
    beta=3.0,
    warmUpEpochs=0,
)
case("dist", rows, rows, lambda s, t: dist(s[0], t[0], 3.0, 2.0, 0.5), temperature=3.0, inter=2.0, intra=0.5)
case("lskd", rows, rows, lambda s, t: lskd(s[0], t[0], 2.0))
case("lskd", [[2, 4, 3, 2]], [[2, 4, 3, 2]], lambda s, t: lskd(s[0], t[0], 3.0), temperature=3.0)
maps = [[3, 2, 4, 4], [3, 4, 2, 2]]
others = [[3, 3, 2, 2], [3, 5, 4, 4]]
case("at", maps, others, lambda s, t: at(s, t, False))
case("at", maps, others, lambda s, t: at(s, t, True), distance="norm")
case("sp", maps, others, sp)
case("nst", maps, others, nst)
case("fsp", maps, [[3, 2, 8, 8], [3, 4, 4, 4]], fsp)
case("fsp", [[3, 2, 2, 2], [3, 4, 4, 4]], maps, fsp)
embeddings = [[5, 4]], [[5, 7]]
case("rkd", *embeddings, lambda s, t: rkd(s[0], t[0], 25.0, 50.0))
case("rkd", *embeddings, lambda s, t: rkd(s[0], t[0], 2.0, 0.0), distance=2.0, angle=0.0)
case("pkt", *embeddings, lambda s, t: pkt(s[0], t[0]))
print(json.dumps(cases))
