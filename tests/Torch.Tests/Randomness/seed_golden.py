"""Writes seed_golden.json: seeds, Philox draws and orders from their definitions, for SeedTests and its neighbours."""

import json
import math
import pathlib

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def word(seed, value):
    return mix(mix((seed + GOLDEN) & MASK) ^ ((value + GOLDEN) & MASK))


def derive(seed, *path):
    for part in path:
        if isinstance(part, str):
            seed = word(seed, len(part) | 1 << 63)
            for character in part:
                seed = word(seed, ord(character))
        else:
            seed = word(seed, part & MASK)
    return seed


def philox(key, counter):
    c = [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c[0] | c[1] << 32, c[2] | c[3] << 32


def words(seed):
    counter = 0
    while True:
        yield from philox(seed, counter)
        counter += 1


def below(stream, count):
    while True:
        product = next(stream) * count
        if product & MASK >= (1 << 64) % count:
            return product >> 64


def shuffled(seed, count):
    stream, values = words(seed), list(range(count))
    for i in range(count - 1, 0, -1):
        j = below(stream, i + 1)
        values[i], values[j] = values[j], values[i]
    return values


def place(seed, count, index):
    left_size = math.isqrt(count - 1) + 1
    right_size = -(-count // left_size)
    keys = [derive(seed, i) for i in range(8)]
    while True:
        left, right = divmod(index, right_size)
        for i in range(0, 8, 2):
            left = (left + mix(keys[i] ^ right)) % left_size
            right = (right + mix(keys[i + 1] ^ left)) % right_size
        index = left * right_size + right
        if index < count:
            return index


stream = words(9)
golden = {
    "seeds": [str(s) for s in (derive(0, 0), derive(1, -1), derive(42, "crop"), derive(0, ""), derive(1, "größe"))],
    "path": str(derive(7, "stage", 2, "step", 3)),
    "words": [str(w) for w, _ in zip(words(9), range(5))],
    "integers": [below(stream, 6) for _ in range(12)],
    "table": shuffled(1, 8),
    "network": [place(1, 50_000, i) for i in (0, 1, 2, 49_999)],
    "huge": str(place(3, 1 << 60, 123_456_789_012)),
}
pathlib.Path(__file__).with_name("seed_golden.json").write_text(json.dumps(golden, indent=1) + "\n")
