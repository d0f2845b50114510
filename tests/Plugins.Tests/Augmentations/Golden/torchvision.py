"""Records what torchvision's operations and policies do to small images.

Run: python3 torchvision.py > torchvision.json   (recorded with torch 1.13.0, torchvision 0.14.1)

"float" cases take image / 255 as float32, "byte" cases the image as uint8; values are written in units of 1 / 255.
"""
import sys

# This file must not hide the package of its name.
sys.path.pop(0)

import json

import torch
from torchvision.transforms import functional as F
from torchvision.transforms import autoaugment as A
from torchvision.transforms import functional_tensor as T
from torchvision.transforms.functional import InterpolationMode as Mode


def image(channels, height, width, a, b, low=0, high=255):
    c, y, x = torch.meshgrid(torch.arange(channels), torch.arange(height), torch.arange(width), indexing="ij")
    level = (a * x * x + b * y + 67 * c * x + 29 * x * y + 5 * c * c * y) % 251
    return (low + level * (high - low) // 250).to(torch.uint8)


IMAGES = {
    "colour": image(3, 6, 7, 37, 91),
    "grey": image(1, 6, 7, 37, 91),
    "large": image(3, 11, 12, 3, 11),
    "spread": image(3, 24, 25, 3, 11),
    "dull": image(1, 32, 33, 1, 2, 90, 140),
}
IMAGES["colour"][:, 0, 0] = 120  # a grey pixel: no hue
IMAGES["large"][1] = 77  # a channel of one value


def listed(t):
    return [round(v, 4) for v in t.double().flatten().tolist()]


cases = []


def case(kind, op, source, result, *arguments):
    scale = 255 if result.is_floating_point() else 1
    cases.append(
        {
            "kind": kind,
            "op": op,
            "image": source,
            "arguments": list(arguments),
            "shape": list(result.shape),
            "expected": listed(result * scale),
        }
    )


def floats(op, source, function, *arguments):
    case("float", op, source, function(IMAGES[source].float() / 255, *arguments), *arguments)


for factor in (0.0, 0.3, 1.0, 1.9):
    floats("brightness", "colour", F.adjust_brightness, factor)
    floats("contrast", "colour", F.adjust_contrast, factor)
    floats("saturation", "colour", F.adjust_saturation, factor)
    floats("sharpness", "colour", F.adjust_sharpness, factor)
for turn in (-0.5, -0.13, 0.0, 0.21, 0.5):
    floats("hue", "colour", F.adjust_hue, turn)
floats("contrast", "grey", F.adjust_contrast, 0.4)
floats("luma", "colour", T.rgb_to_grayscale)
floats("auto-contrast", "colour", F.autocontrast)
floats("auto-contrast", "large", F.autocontrast)
floats("invert", "colour", F.invert)
for threshold in (0.0, 0.2, 0.77, 1.0):
    floats("solarize", "colour", F.solarize, threshold)
for size, sigma in ((3, 0.1), (3, 0.7), (5, 2.0)):
    floats("gaussian-blur", "colour", lambda i, k, s: F.gaussian_blur(i, [k, k], [s, s]), size, sigma)


def affine(mode):
    return lambda i, angle, x, y, scale, sx, sy: F.affine(i, angle, [x, y], scale, [sx, sy], Mode(mode))


for arguments in (
    (0.0, 0, 0, 1.0, 0.0, 0.0),
    (0.0, 2, -1, 1.0, 0.0, 0.0),
    (33.0, 0, 0, 1.0, 0.0, 0.0),
    (-71.0, 1, 2, 1.3, 12.0, 0.0),
    (15.0, -2, 0, 0.6, -20.0, 11.0),
):
    floats("affine-bilinear", "large", affine("bilinear"), *arguments)
    floats("affine-nearest", "large", affine("nearest"), *arguments)
for angle in (-40.0, 13.0, 90.0):
    for mode in ("bilinear", "nearest"):
        floats(f"rotate-{mode}", "large", lambda i, a: F.rotate(i, a, Mode(mode)), angle)
for part in ((0, 0, 11, 12), (3, 5, 5, 4), (10, 11, 1, 1), (2, 0, 9, 6)):
    for size in ((11, 12), (8, 5)):
        floats(
            "resized",
            "large",
            lambda i, t, l, h, w, nh, nw: F.resized_crop(i, t, l, h, w, [nh, nw], Mode.BILINEAR),
            *part,
            *size,
        )
for bits in range(1, 9):
    case("byte", "posterize", "colour", F.posterize(IMAGES["colour"], bits), bits)
for source in ("colour", "spread", "dull"):
    case("byte", "equalize", source, F.equalize(IMAGES[source]))

OPERATIONS = {
    "ShearX": (0.3, -0.17),
    "ShearY": (0.99, -0.2),
    "TranslateX": (3.9, -2.2),
    "TranslateY": (5.0, -4.6),
    "Rotate": (30.0, -111.0),
    "Brightness": (0.4, -0.9),
    "Color": (0.4, -0.9),
    "Contrast": (0.4, -0.9),
    "Sharpness": (0.9, -0.4),
    "Posterize": (4.0, 7.0),
    "Solarize": (0.0, 170.0, 141.67, 255.0),
    "AutoContrast": (0.0,),
    "Equalize": (0.0,),
    "Invert": (0.0,),
    "Identity": (0.0,),
}
for name, magnitudes in OPERATIONS.items():
    for magnitude in magnitudes:
        source = "spread" if name == "Equalize" else "large"
        done = A._apply_op(IMAGES[source], name, magnitude, Mode.NEAREST, None)
        case("policy", name, source, done, magnitude)


def table(space):
    return {name: [round(float(v), 5) for v in magnitudes.flatten()] for name, (magnitudes, _) in space.items()}


print(
    json.dumps(
        {
            "images": {name: {"shape": list(i.shape), "values": i.flatten().tolist()} for name, i in IMAGES.items()},
            "cases": cases,
            "magnitudes": {
                "searched-10": table(A.AutoAugment()._augmentation_space(10, (24, 32))),
                "searched-31": table(A.RandAugment()._augmentation_space(31, (24, 32))),
                "wide-31": table(A.TrivialAugmentWide()._augmentation_space(31)),
            },
            "policies": {
                p.value: [[[o, q, -1 if m is None else m] for o, q, m in pair] for pair in A.AutoAugment(p).policies]
                for p in A.AutoAugmentPolicy
            },
        }
    )
)
