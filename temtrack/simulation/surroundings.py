"""What is in the picture beside particles: support film, holes, dirt, illumination, burned-in letters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from scipy import fft, ndimage

from temtrack.simulation.imaging import Image

_LETTERS = (*"abc", "(a)", "(b)", "(c)", "(d)", *"ABD", "a1", "b2", "t = 12 s", "0.5 s", "800 C", "TEM")
_BAR_LENGTHS = ("5 nm", "10 nm", "20 nm", "50 nm", "100 nm", "200 nm", "0.2 um")


def mottle(rng: np.random.Generator, height: int, width: int, scale_px: float) -> Image:
    """Draw a smooth random field (Y, X) of zero mean and unit rms with details of about ``scale_px``."""
    coarse = max(scale_px / 4, 1.0)
    rows, columns = int(np.ceil(height / coarse)) + 8, int(np.ceil(width / coarse)) + 8
    noise = rng.standard_normal((rows, columns), dtype=np.float32)
    k2 = fft.fftfreq(rows)[:, None] ** 2 + fft.rfftfreq(columns)[None, :] ** 2
    smooth = fft.irfft2(
        fft.rfft2(noise) * np.exp(-2 * (np.pi * scale_px / coarse / 2) ** 2 * k2 / 2), s=noise.shape
    )
    y = np.arange(height, dtype=np.float32) / np.float32(coarse)
    x = np.arange(width, dtype=np.float32) / np.float32(coarse)
    field = _bilinear(np.asarray(smooth, dtype=np.float32), y, x)
    return np.asarray((field - field.mean()) / max(float(field.std()), 1e-6), dtype=np.float32)


def illumination(rng: np.random.Generator, height: int, width: int, strength: float) -> Image:
    """Draw uneven illumination (Y, X) around 1: a slope and a broad bump, ``strength`` in relative terms."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    sy, sx = rng.normal(0, strength / 2, 2)
    cy, cx = rng.uniform(-1, 1, 2)
    bump = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / rng.uniform(0.5, 3))
    return np.asarray(np.maximum(1 + sy * y + sx * x + strength * (bump - 0.5), 0.15), dtype=np.float32)


def film(rng: np.random.Generator, height: int, width: int, scale_px: float) -> Image:
    """Draw where there is support film (1) and where a hole or vacuum (0), soft at the edge; (Y, X)."""
    field = mottle(rng, height, width, scale_px)
    level = np.float32(rng.uniform(-1.6, 0.2))
    return np.asarray(1 / (1 + np.exp(-np.clip((field - level) * 25, -30, 30))), dtype=np.float32)


def lattice(rng: np.random.Generator, height: int, width: int) -> Image:
    """Draw the fringes of a crystalline support (Y, X): one or two waves, rms about 1."""
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    waves = np.zeros((height, width), dtype=np.float32)
    for _ in range(rng.integers(1, 3)):
        k, angle = 2 * np.pi / rng.uniform(2.5, 9), rng.uniform(0, np.pi)
        waves += np.cos(k * np.sin(angle) * y + k * np.cos(angle) * x + rng.uniform(0, 6))
    return waves


def spots(rng: np.random.Generator, height: int, width: int, n: int, radius_px: float, depth: float) -> Image:
    """Draw ``n`` soft spots (Y, X) of about ``radius_px`` whose optical depth is about ``depth``."""
    canvas = np.zeros((height, width), dtype=np.float32)
    for y, x, r in zip(
        rng.integers(0, height, n),
        rng.integers(0, width, n),
        radius_px * np.exp(rng.normal(0, 0.3, n)),
        strict=True,
    ):
        reach = int(3 * r) + 1
        y0, y1, x0, x1 = max(y - reach, 0), min(y + reach, height), max(x - reach, 0), min(x + reach, width)
        dy, dx = np.arange(y0, y1)[:, None] - y, np.arange(x0, x1)[None, :] - x
        canvas[y0:y1, x0:x1] += depth * rng.uniform(0.3, 1) * np.exp(-(dy**2 + dx**2) / (2 * r * r))
    return canvas


def burn_in(rng: np.random.Generator, image: Image, *, letters: bool, scale_bar: bool) -> NDArray[np.bool_]:
    """Burn letters and a scale bar into ``image`` (in place); return the mask of what is covered."""
    height, width = image.shape
    covered = np.zeros(image.shape, dtype=bool)
    size = int(np.clip(min(height, width) * rng.uniform(0.05, 0.11), 9, 60))
    if letters:
        text = str(rng.choice(_LETTERS))
        ink = _text(text, size)
        x = 4 if rng.random() < 0.8 else max(0, width - ink.shape[1] - 20)
        _stamp(rng, image, covered, ink, int(4 + rng.integers(0, 8)), int(x + rng.integers(0, 8)))
    if scale_bar:
        length = _text(str(rng.choice(_BAR_LENGTHS)), size)
        bar = np.ones(
            (max(2, size // 6), int(max(length.shape[1], width * rng.uniform(0.1, 0.25)))), dtype=np.float32
        )
        sign = _under(length, bar) if rng.random() < 0.7 else bar
        left = rng.random() < 0.4
        x = rng.integers(4, 14) if left else width - sign.shape[1] - rng.integers(4, 14)
        y = height - sign.shape[0] - rng.integers(3, 12)
        _stamp(rng, image, covered, sign, int(max(y, 0)), int(max(x, 0)))
    return covered


def _bilinear(field: Image, y: Image, x: Image) -> Image:
    """Sample ``field`` on the grid of rows y and columns x, two separable steps."""
    i, j = y.astype(np.int32), x.astype(np.int32)
    fy, fx = (y - i)[:, None], (x - j)[None, :]
    rows = field[i] * (1 - fy) + field[i + 1] * fy
    return np.asarray(rows[:, j] * (1 - fx) + rows[:, j + 1] * fx, dtype=np.float32)


def _text(text: str, size: int) -> Image:
    """Render a text as coverage in [0, 1], cropped to its ink."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    canvas = PillowImage.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(np.asarray(canvas, dtype=np.float32) / 255, dtype=np.float32)


def _under(text: Image, bar: Image) -> Image:
    """Stack a text above its bar, both centred."""
    width = max(text.shape[1], bar.shape[1])
    out = np.zeros((text.shape[0] + 3 + bar.shape[0], width), dtype=np.float32)
    for part, top in ((text, 0), (bar, text.shape[0] + 3)):
        left = (width - part.shape[1]) // 2
        out[top : top + part.shape[0], left : left + part.shape[1]] = part
    return out


def _stamp(
    rng: np.random.Generator, image: Image, covered: NDArray[np.bool_], ink: Image, y: int, x: int
) -> None:
    """Blend ``ink`` into the image in black or white, on a plate of the other colour or none."""
    white = np.float32(rng.random() < 0.5)
    plate = rng.random() < 0.3
    if plate:
        ink = np.pad(ink, 4)
    ink = ink[: image.shape[0] - y, : image.shape[1] - x]
    window = (slice(y, y + ink.shape[0]), slice(x, x + ink.shape[1]))
    plain = 1 - white if plate else image[window]
    image[window] = plain * (1 - ink) + white * ink
    covered[window] |= plate | ndimage.binary_dilation(ink > 0.3)
