"""Seeded damage to a file's content: what disks, cables, half copies and ill will do to it."""

import re

import numpy as np

#: Damage to a header is told far more often than damage to pixels.
HEADER_BYTES = 1024

EXTREMES = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)

WORDS = (
    b"0", b"-1", b"nan", b"inf", b"1e999", b"-1e-320", b"2147483648", b"9" * 30, b"9" * 5000, b"null",
    b"true", b'"x"', b'"' + b"x" * 200_000, b"[]", b"{}", b"[" * 3000, b"", b"../../x", b"\xff\xfe", b"\0",
)  # fmt: skip

_TOKEN = re.compile(rb'-?\d[\d.eE+-]*|"[^"\n]{0,40}"|[A-Za-z_]{2,30}')


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content with one to four kinds of damage."""
    for _ in range(rng.integers(1, 5)):
        damage = MUTATIONS[rng.integers(len(MUTATIONS))]
        content = damage(content, rng) if content else rng.bytes(8)
    return content


def _place(content, rng):
    end = min(len(content), HEADER_BYTES) if rng.random() < 0.6 else len(content)
    return int(rng.integers(end))


def flip_bits(content, rng):
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        damaged[_place(content, rng)] ^= 1 << rng.integers(8)
    return bytes(damaged)


def truncate(content, rng):
    return content[: _place(content, rng)]


def insert_block(content, rng):
    at, n = _place(content, rng), int(rng.integers(1, 600))
    kinds = (rng.bytes(n), bytes(n), b"\xff" * n, content[at : at + n])
    return content[:at] + kinds[rng.integers(4)] + content[at:]


def cut_block(content, rng):
    at = _place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 600)) :]


def overwrite_block(content, rng):
    at = _place(content, rng)
    block = (bytes(64), b"\xff" * 64, rng.bytes(64))[rng.integers(3)][: rng.integers(1, 65)]
    return content[:at] + block + content[at + len(block) :]


def extreme_number(content, rng):
    n_bytes = int(rng.choice([1, 2, 4, 8]))
    at = _place(content, rng) // n_bytes * n_bytes if rng.random() < 0.7 else _place(content, rng)
    number = EXTREMES[rng.integers(len(EXTREMES))] % 256**n_bytes
    written = number.to_bytes(n_bytes, ("little", "big")[rng.integers(2)])
    return content[:at] + written + content[at + n_bytes :]


def other_word(content, rng):
    tokens = list(_TOKEN.finditer(content, 0, 200_000))
    if not tokens:
        return extreme_number(content, rng)
    token = tokens[rng.integers(len(tokens))]
    return content[: token.start()] + WORDS[rng.integers(len(WORDS))] + content[token.end() :]


MUTATIONS = (
    flip_bits, truncate, insert_block, cut_block, overwrite_block, extreme_number, extreme_number, other_word,
)  # fmt: skip
