"""Write the G-code parts beside this script: `python examples/make_parts.py`.

Small parts of our own, 30 to 95 s of motion each, in the dialect of common slicers, at different places of a 220 mm
bed: enough variety of curves, corners, speeds and positions to train on, and to keep one part aside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

Point = tuple[float, float]
FILAMENT_PER_MM = 0.2 * 0.45 / (math.pi / 4 * 1.75**2)  # of way, for a bead of 0.45 by 0.2 mm
LAYER_MM = 0.2


class Part:
    """G-code of one part, printed at `centre`, in its own coordinates."""

    def __init__(self, name: str, centre: Point) -> None:
        self.centre = centre
        self.at = (0.0, 0.0)
        self.layers = 0
        self.lines = [f"; {name}, made by make_parts.py", "G21", "G90", "M83", "G28", "G92 E0"]

    def layer(self) -> None:
        self.layers += 1
        z = LAYER_MM * self.layers
        self.lines += [";LAYER_CHANGE", f";Z:{z:.2f}", f";HEIGHT:{LAYER_MM:g}", f"G1 Z{z:.2f} F600"]

    def feature(self, name: str) -> None:
        self.lines.append(f";TYPE:{name}")

    def travel(self, to: Point, speed: float = 120.0) -> None:
        if math.dist(to, self.at) < 0.01 and self.layers > 1:
            return
        retract = math.dist(to, self.at) > 3
        self.lines += ["G1 E-.8 F2400"] * retract
        self.lines.append(f"G0 {self.xy(to)} F{speed * 60:.0f}")
        self.lines += ["G1 E.8 F2400"] * retract

    def line(self, points: Iterable[Point], speed: float) -> None:
        """Print along the points, after a travel to the first."""
        first, *rest = points
        self.travel(first)
        feed = f" F{speed * 60:.0f}"
        for p in rest:
            way = math.dist(p, self.at)
            self.lines.append(f"G1 {self.xy(p)} E{way * FILAMENT_PER_MM:.5f}{feed}")
            feed = ""

    def loop(self, points: list[Point], speed: float) -> None:
        self.line([*points, points[0]], speed)

    def circle(self, centre: Point, radius: float, speed: float, clockwise: bool = False) -> None:
        """Print a circle as two arcs."""
        a, b = (centre[0] + radius, centre[1]), (centre[0] - radius, centre[1])
        self.travel(a)
        e = math.pi * radius * FILAMENT_PER_MM
        code = "G2" if clockwise else "G3"
        self.lines.append(f"{code} {self.xy(b)} I{-radius:.3f} J0 E{e:.5f} F{speed * 60:.0f}")
        self.lines.append(f"{code} {self.xy(a)} I{radius:.3f} J0 E{e:.5f}")

    def xy(self, p: Point) -> str:
        self.at = p
        return f"X{self.centre[0] + p[0]:.3f} Y{self.centre[1] + p[1]:.3f}"

    def write(self, path: Path) -> None:
        self.lines += ["G1 E-2 F2400", "G1 Z10 F600", "M84"]
        path.write_text("\n".join(self.lines) + "\n", encoding="ascii")


def polar(radius: float, angle: float) -> Point:
    return radius * math.cos(angle), radius * math.sin(angle)


def turn(p: Point, angle: float) -> Point:
    c, s = math.cos(angle), math.sin(angle)
    return c * p[0] - s * p[1], s * p[0] + c * p[1]


def zigzag(part: Part, half: float, pitch: float, angle: float, speed: float, round_: bool = False) -> None:
    """Fill a square of +-half, or a disc, with parallel lines joined at their ends."""
    points: list[Point] = []
    n = int(2 * half / pitch)
    for i in range(n + 1):
        y = -half + i * pitch
        reach = math.sqrt(max(half**2 - y**2, 0)) if round_ else half
        ends = [(-reach, y), (reach, y)]
        points += ends if i % 2 == 0 else ends[::-1]
    part.line([turn(p, angle) for p in points], speed)


def bearing(part: Part) -> None:
    """Two races with eight balls between them: circles of many sizes, as arcs."""
    for layer in range(3):
        part.layer()
        part.feature("Outer wall")
        for radius, speed in ((18.0, 60), (13.6, 60), (8.4, 50), (4.0, 40)):
            part.circle((0, 0), radius, speed, clockwise=radius in (13.6, 4.0))
        part.feature("Inner wall")
        for radius in (17.5, 14.1, 7.9, 4.5):
            part.circle((0, 0), radius, 90)
        part.feature("Outer wall")
        for ball in range(8):
            part.circle(polar(11, ball * math.pi / 4 + 0.1 * layer), 1.9, 40)
        part.feature("Internal solid infill")
        for radius in (15.0, 16.0, 17.0, 7.0, 6.0, 5.2):
            part.circle((0, 0), radius, 100)


def rosette(part: Part) -> None:
    """A flower of seven leaves and a Lissajous figure, in segments of about half a millimetre."""
    for layer in range(3):
        part.layer()
        for inset, name, speed in ((0.45, "Inner wall", 80), (0.0, "Outer wall", 50)):
            part.feature(name)
            n = 360
            angles = [2 * math.pi * i / n for i in range(n)]
            part.loop([polar(16 * (1 + 0.28 * math.cos(7 * a)) - inset, a) for a in angles], speed)
        part.feature("Sparse infill")
        n, p, q = 420, 3 + layer % 2, 4 + layer
        part.loop(
            [(9 * math.sin(2 * math.pi * p * i / n), 9 * math.sin(2 * math.pi * q * i / n + 0.7)) for i in range(n)],
            100,
        )


def star(part: Part) -> None:
    """Stars with ever sharper points: corners of many angles, at full speed."""
    for layer in range(3):
        part.layer()
        for points, inner, outer, speed in ((5, 9, 20, 60), (9, 12, 19, 90), (14, 10, 12.5, 120), (7, 3, 8, 70)):
            part.feature("Outer wall" if outer == 20 else "Inner wall")
            shape = [
                polar(outer if i % 2 == 0 else inner, math.pi * i / points + 0.15 * layer) for i in range(2 * points)
            ]
            part.loop(shape, speed)
            part.loop([(x * 0.96, y * 0.96) for x, y in shape], speed)


def cube(part: Part) -> None:
    """A square with round corners in two walls, and zig-zag infill that turns with the layer."""
    for layer in range(3):
        part.layer()
        for half, name, speed in ((14.55, "Inner wall", 100), (15.0, "Outer wall", 60)):
            part.feature(name)
            part.loop([(-half, -half), (half, -half), (half, half), (-half, half)], speed)
        part.feature("Internal solid infill" if layer == 0 else "Sparse infill")
        zigzag(part, 13.0 if layer != 1 else 10.0, 1.6 if layer == 0 else 3.2, math.pi / 4 * layer, 120)
        part.feature("Gap infill")
        zigzag(part, 3.0, 0.5, math.pi / 2 * (layer % 2), 60)


def hull(t: float, inset: float) -> Point:
    """A point of a boat's deck line, t from 0 to 1 around: pointed bow at +x, flat stern at -x."""
    length, beam = 38 - 2 * inset, 17 - 2 * inset
    along = math.cos(2 * math.pi * t)
    # Full amidships, round at the stern's corners, pointed at the bow.
    half = math.sqrt(1 - along**2) ** 1.3 if along > 0 else (1 - along**6) ** 0.5
    return along * length / 2, math.copysign(beam / 2 * half, 0.5 - t)


def boat(part: Part) -> None:
    """A boat seen from above: deck lines of fine segments, a cabin, a chimney, infill along the keel."""
    for layer in range(3):
        part.layer()
        for inset, name, speed in ((0.9, "Inner wall", 90), (0.45, "Inner wall", 90), (0.0, "Outer wall", 50)):
            part.feature(name)
            part.loop([hull(i / 240, inset) for i in range(240)], speed)
        part.feature("Outer wall")
        part.loop([(-12, -4), (-2, -4), (0, -2.5), (0, 2.5), (-2, 4), (-12, 4)], 60)
        part.circle((-7, 0), 2.2, 40)
        part.feature("Sparse infill")
        part.line([(2 + 0.9 * i, (5.5 - 0.3 * i) * (-1) ** (i + layer)) for i in range(15)], 110)
        part.feature("Top surface")
        part.line([(-16.5 + 0.45 * i, 5.4 * (-1) ** i) for i in range(9)], 80)


STROKES = {  # on a grid of 4 by 6
    "l": [[(0, 6), (0, 0), (3, 0)]],
    "e": [[(0, 2), (4, 2), (4, 3), (3, 4), (1, 4), (0, 3), (0, 1), (1, 0), (4, 0)]],
    "a": [[(0.5, 4), (3, 4), (4, 3), (4, 0)], [(4, 2), (1, 2), (0, 1), (1, 0), (3, 0), (4, 1)]],
    "r": [[(0, 4), (0, 0)], [(0, 2.5), (1.5, 4), (3.5, 4)]],
    "n": [[(0, 4), (0, 0)], [(0, 3), (1, 4), (3, 4), (4, 3), (4, 0)]],
    "t": [[(1.5, 6), (1.5, 1), (2.5, 0), (4, 0)], [(0, 4), (3.5, 4)]],
    "-": [[(0, 2.5), (3, 2.5)]],
}


def letters(part: Part) -> None:
    """Text, twice: short strokes with many starts and stops, drawn as outlines and again inside."""
    for layer in range(3):
        part.layer()
        for row, scale in ((0, 1.3), (1, 0.9)):
            part.feature("Outer wall" if row == 0 else "Top surface")
            for i, letter in enumerate("learn-rt"):
                x0, y0 = (i - 4) * 5.2 * scale, -12 + 13 * row
                for stroke in STROKES[letter]:
                    points = [(x0 + x * scale, y0 + y * scale) for x, y in stroke]
                    part.line(points if layer % 2 == 0 else points[::-1], (45, 60, 80)[layer])
        part.feature("Skirt")
        part.loop([(-30, -15), (26, -15), (26, 12), (-30, 12)], 120)


def gyroid(part: Part) -> None:
    """A disc filled with waves that swap their direction from layer to layer, as gyroid infill does."""
    for layer in range(3):
        part.layer()
        part.feature("Outer wall")
        part.circle((0, 0), 17, 55)
        part.feature("Sparse infill")
        for wave in range(-4, 5):
            y = 3.4 * wave
            reach = math.sqrt(15.5**2 - y**2) if abs(y) < 15.5 else 0
            n = int(2 * reach / 0.4)
            points = [(-reach + 2 * reach * i / n, y) for i in range(n + 1)]
            points = [(x, y + 1.3 * math.sin(2 * math.pi * x / 6.8 + (wave % 2) * math.pi + layer)) for x, y in points]
            points = points[::-1] if wave % 2 else points
            part.line([turn(p, math.pi / 2 * (layer % 2)) for p in points], 90)


def gear(part: Part) -> None:
    """A gear of 18 teeth with a bore and six holes: short flanks between arcs."""
    teeth = 18
    for layer in range(3):
        part.layer()
        for inset, name, speed in ((0.45, "Inner wall", 80), (0.0, "Outer wall", 45)):
            part.feature(name)
            outline = []
            for tooth in range(teeth):
                for radius, share in (
                    (14.5, 0.0),
                    (14.8, 0.22),
                    (16.6, 0.34),
                    (17.4, 0.42),
                    (17.4, 0.58),
                    (16.6, 0.66),
                    (14.8, 0.78),
                ):
                    outline.append(polar(radius - inset, 2 * math.pi * (tooth + share) / teeth))
            part.loop(outline, speed)
            part.circle((0, 0), 4 + inset, speed)
            for hole in range(6):
                part.circle(polar(9, hole * math.pi / 3), 2 + inset, speed, clockwise=True)
        part.feature("Sparse infill")
        part.loop([polar(12.5 if i % 2 else 6.5, math.pi * i / 12 + 0.05 * layer) for i in range(24)], 120)


def honeycomb(part: Part) -> None:
    """Hexagonal cells inside a hexagon: corners of 60 and 120 degrees at many speeds."""
    for layer in range(3):
        part.layer()
        part.feature("Outer wall")
        part.loop([polar(19, math.pi / 3 * i) for i in range(6)], 60)
        part.feature("Inner wall")
        part.loop([polar(18.4, math.pi / 3 * i) for i in range(6)], 100)
        part.feature("Sparse infill")
        speeds = (40, 60, 80, 100, 120)
        cells = [(a, b) for a in range(-2, 3) for b in range(-2, 3) if abs(a + b) <= 2]
        for i, (a, b) in enumerate(cells):
            centre = (6.2 * (a + b / 2), 6.2 * b * math.sqrt(3) / 2)
            cell = [polar(2.8, math.pi / 3 * k + math.pi / 6) for k in range(6)]
            part.loop([(centre[0] + x, centre[1] + y) for x, y in cell], speeds[(i + layer) % 5])


PARTS = {
    bearing: (70.0, 75.0),
    rosette: (150.0, 65.0),
    star: (60.0, 150.0),
    cube: (110.0, 110.0),
    boat: (120.0, 95.0),
    letters: (105.0, 170.0),
    gyroid: (165.0, 155.0),
    gear: (45.0, 105.0),
    honeycomb: (160.0, 110.0),
}


def main() -> None:
    folder = Path(__file__).parent
    for make, centre in PARTS.items():
        part = Part(make.__name__, centre)
        make(part)
        part.write(folder / f"{make.__name__}.gcode")


if __name__ == "__main__":
    main()
