"""Shapes on a canvas with PIL: drawn larger than asked in whole pixels, then averaged down.

Corners are rounded to whole pixels before PIL sees them, so that every machine draws the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

RGB = {
    "red": (220, 20, 30),
    "blue": (25, 60, 220),
    "green": (20, 150, 50),
    "yellow": (250, 215, 0),
    "black": (15, 15, 15),
    "orange": (255, 125, 0),
    "pink": (255, 120, 190),
    "purple": (115, 20, 150),
    "light grey": (225, 225, 225),
    "white": (255, 255, 255),
    "dark grey": (95, 95, 95),
}
OVERSAMPLE = 4  # pixels drawn to a pixel kept, along each axis
TINT = 0.7  # share of white in stripes and dots
PERIODS = 16  # stripes, or rows of dots, along the image side

Point = tuple[float, float]
Placer = Callable[[Sequence[Point]], list[tuple[int, int]]]  # from the unit circle to pixels


def blank(background: str, size: int) -> Image.Image:
    """A canvas of `size` pixels a side, to be drawn on and then read with `pixels`."""
    return Image.new("RGB", (size * OVERSAMPLE,) * 2, RGB[background])


def draw(canvas: Image.Image, shape: str, colour: str, pattern: str, centre: Point, radius: float) -> None:
    """Draws one shape on `canvas`; `centre` (right, down) and `radius` in shares of the image side.

    Every shape stays within the circle of its radius.
    """
    side = canvas.width
    mask = Image.new("L", canvas.size, 0)

    def at(corners: Sequence[Point]) -> list[tuple[int, int]]:
        return [
            tuple(round((c + radius * v) * side) for c, v in zip(centre, p, strict=True)) for p in corners
        ]

    _outline(ImageDraw.Draw(mask), shape, at)
    canvas.paste(_texture(colour, pattern, side), mask=mask)


def pixels(canvas: Image.Image) -> np.ndarray:
    """The finished picture, uint8 [size, size, 3]."""
    return np.array(canvas.reduce(OVERSAMPLE))


def _outline(mask: ImageDraw.ImageDraw, shape: str, at: Placer) -> None:
    if shape in {"circle", "ring"}:
        mask.ellipse(at([(-1.0, -1.0), (1.0, 1.0)]), fill=255)
        if shape == "ring":
            mask.ellipse(at([(-0.55, -0.55), (0.55, 0.55)]), fill=0)
    elif shape == "cross":
        mask.rectangle(at([(-0.95, -0.3), (0.95, 0.3)]), fill=255)
        mask.rectangle(at([(-0.3, -0.95), (0.3, 0.95)]), fill=255)
    elif shape == "square":
        mask.rectangle(at([(-0.82, -0.82), (0.82, 0.82)]), fill=255)
    elif shape == "diamond":  # narrow, or it would be a square that is turned
        mask.polygon(at([(0.0, -1.0), (0.68, 0.0), (0.0, 1.0), (-0.68, 0.0)]), fill=255)
    elif shape == "triangle":
        mask.polygon(at(_polygon(3)), fill=255)
    else:
        mask.polygon(at(_polygon(10, inner=0.42)), fill=255)


def _polygon(corners: int, inner: float = 1.0) -> list[Point]:
    """A regular polygon, its first corner on top; every second corner at radius `inner`."""
    angles = [2 * math.pi * k / corners - math.pi / 2 for k in range(corners)]
    radii = [inner if k % 2 else 1.0 for k in range(corners)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


def _texture(colour: str, pattern: str, side: int) -> Image.Image:
    texture = Image.new("RGB", (side, side), RGB[colour])
    if pattern == "plain":
        return texture
    tint = tuple(round((1 - TINT) * c + TINT * 255) for c in RGB[colour])
    pen, step = ImageDraw.Draw(texture), max(4, side // PERIODS)
    for row, top in enumerate(range(0, side, step)):
        if pattern == "striped":
            pen.rectangle([(0, top), (side, top + step // 2 - 1)], fill=tint)
        else:  # every second row of dots is set off by half a step
            for left in range(row % 2 * (step // 2), side, step):
                pen.ellipse([(left, top), (left + step // 2, top + step // 2)], fill=tint)
    return texture
