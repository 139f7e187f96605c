"""Play the pose stream of a served gait model: a body walks, and the walk is drawn into a GIF or an MP4.

    learn-serve models --listen unix:/tmp/learn.sock &
    python examples/play_gait.py unix:/tmp/learn.sock --out walk.gif \\
        --body "normal" --body "left foot drop: muscle_force_L_Tibialis*=0.05"

Each body is asked for its pose once a tick, as a controller would, its phase running on; rotations become a skeleton by
forward kinematics, and the feet put it on the ground. Parameters that are not given are 1 (normal) or, where that is
outside their range, 0 or the middle of it.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.animation import FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse
from numpy.typing import NDArray

from learn_rt.client import Client, connect
from learn_rt.spec import Spec
from learn_rt.train.gait.pose import INDEX, JOINTS
from learn_rt.train.gait.skeleton import BONES, HEIGHT_M, POINT, POINTS, SOLE, Skeleton, points, skeleton, walked

Array = NDArray[np.float64]

RIGHT, LEFT, MIDDLE, PAPER = "#c8553d", "#2b6f9e", "#3d4451", "#fbfaf7"
# Limbs' thickness [m] by the joint or end that closes them.
THICK = {"Tibia": 0.115, "Talus": 0.085, "Foot": 0.055, "Toe": 0.04, "Little": 0.035, "Heel": 0.05, "Spine": 0.20}
THICK |= {"Torso": 0.22, "Neck": 0.17, "Head": 0.08, "Arm": 0.10, "ForeArm": 0.075, "Hand": 0.06, "Fingers": 0.045}
SETTLE_CYCLES = 1.0  # before what is drawn: the stream begins at its nominal pose and moves into the gait


@dataclass
class Walk:
    """What one body did: poses (n, 101), and its skeleton."""

    title: str
    poses: Array
    body: Skeleton
    answer_us: Array
    missed: int


def parameters_of(spec: Spec, changes: str) -> Array:
    """Return the parameters (P,) that a body has, by `pattern=value, pattern=value, ...` or the first of `@FILE.npz`.

    Raises: ValueError: a change without a number, or of no parameter; a file of other parameters.
    """
    if changes.strip().startswith("@"):
        with np.load(changes.strip()[1:], allow_pickle=False) as file:
            params = np.asarray(file["params"], np.float64)
        if params.ndim != 2 or params.shape[1] != len(spec.inputs) - 1:
            raise ValueError(f"{changes.strip()[1:]}: params must be (n, {len(spec.inputs) - 1}), got {params.shape}")
        return params[0]
    names = [signal.name for signal in spec.inputs[:-1]]
    values = []
    for signal in spec.inputs[:-1]:
        low, high = signal.range_trained or (0.0, 1.0)
        values.append(next((v for v in (1.0, 0.0) if low <= v <= high), (low + high) / 2))
    for change in filter(None, (part.strip() for part in changes.split(","))):
        pattern, _, number = change.partition("=")
        matched = [i for i, name in enumerate(names) if fnmatch.fnmatchcase(name, pattern.strip())]
        if not matched:
            raise ValueError(f"no parameter is called {pattern.strip()!r}; there are {', '.join(names[:6])}, ...")
        for i in matched:
            values[i] = float(number)
    return np.array(values)


def body_of(spec: Spec, values: Array) -> Skeleton:
    """Return the skeleton that the parameters called skeleton_* describe."""
    scale = {
        s.name.removeprefix("skeleton_"): v for s, v in zip(spec.inputs, values, strict=False) if "skeleton_" in s.name
    }
    overall = scale.pop("global", 1.0)
    return skeleton(HEIGHT_M * float(overall), {name: float(v) for name, v in scale.items() if name in INDEX})


def walk(client: Client, title: str, values: Array, seconds: float, cycle_s: float, deadline_us: float) -> Walk:
    """Ask for a pose a tick, in real time, and return the ticks after the first cycle."""
    dt_s = client.spec.dt_s
    settle = int(SETTLE_CYCLES * cycle_s / dt_s)
    n = settle + max(2, round(seconds / dt_s))
    poses, answer_us = np.empty((n, client.spec.n_outputs)), np.empty(n)
    tick = time.monotonic()
    for k in range(n):
        sample = np.append(values, k * dt_s / cycle_s % 1.0).astype(np.float32)
        asked = time.monotonic()
        poses[k] = client.predict(sample, deadline_us).values
        answer_us[k] = (time.monotonic() - asked) * 1e6
        tick += dt_s
        time.sleep(max(0.0, tick - time.monotonic()))
    return Walk(title, poses[settle:], body_of(client.spec, values), answer_us[settle:], client.stats.missed)


class Camera:
    """Looks at the body from its left front, a little from above; far things are not smaller."""

    def __init__(self, azimuth_deg: float = 54.0, elevation_deg: float = 9.0) -> None:
        a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
        self.right = np.array([-np.cos(a), 0.0, np.sin(a)])
        self.toward = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        self.up = np.cross(self.right, self.toward)

    def flat(self, place: Array) -> Array:
        """Return where places (..., 3) are in the picture (..., 2) [m]."""
        return np.stack([place @ self.right, place @ self.up], -1)


class Stage:
    """One body's part of the picture, drawn anew for each frame."""

    def __init__(self, axes: Axes, angles: Axes, walk: Walk, dt_s: float, metre_pt: float) -> None:
        self._axes, self._camera, self._metre_pt = axes, Camera(), metre_pt
        place = points(walk.poses, walk.body)
        place[..., 1] -= place[:, SOLE, 1].min(1)[:, None]  # whoever walks has a foot on the ground
        self._place, self._way = place, walked(walk.poses, dt_s * 30.0)
        axes.set(xlim=(-0.82, 0.82), ylim=(-0.30, 1.80), aspect="equal", facecolor=PAPER)
        axes.axis("off")
        speed = np.linalg.norm(self._way[-1]) / (dt_s * max(1, len(walk.poses) - 1))
        axes.set_title(f"{walk.title}   {speed:.2f} m/s", fontsize=12, color=MIDDLE, pad=2)
        t = np.arange(len(walk.poses)) * dt_s
        for side, colour in (("R", RIGHT), ("L", LEFT)):
            ankle = _pitch(place, f"Talus{side}", f"Toe{side}")
            knee = np.degrees(walk.poses[:, JOINTS[INDEX[f"Tibia{side}"]].pose][:, 0])
            angles.plot(t, knee, color=colour, lw=1.6)
            angles.plot(t, ankle, color=colour, lw=1.1, ls=(0, (3, 1.5)))
        angles.set(xlim=(0, t[-1]), xlabel="s", facecolor=PAPER)
        angles.set_ylabel("knee [°]\nfoot's pitch (- -)", fontsize=7)
        angles.tick_params(labelsize=7)
        for name in ("top", "right"):
            angles.spines[name].set_visible(False)
        self._now, self._t = angles.axvline(0, color=MIDDLE, lw=1), t

    def draw(self, k: int) -> None:
        """Draw frame k."""
        axes, camera, place = self._axes, self._camera, self._place[k]
        for artist in [*axes.collections, *axes.patches, *axes.lines]:
            artist.remove()
        self._ground(self._way[k])
        self._shadows(place)
        self._trail(k)
        flat = camera.flat(place)
        depth = place @ camera.toward
        bones = sorted(BONES, key=lambda bone: depth[list(bone)].mean())
        for a, b in bones:
            name = POINTS[b]
            colour = RIGHT if name.endswith("R") else LEFT if name.endswith("L") else MIDDLE
            if name.startswith("Femur") or name.startswith("Shoulder"):
                colour = MIDDLE
            width = self._metre_pt * next((w for key, w in THICK.items() if name.startswith(key)), 0.13)
            if name == "Crown":
                axes.add_patch(
                    Circle(tuple(flat[[a, b]].mean(0) + np.array([0.0, 0.01])), 0.105, color=MIDDLE, zorder=3)
                )
                continue
            # An edge of paper round each limb keeps near ones apart from far ones.
            for grow, ink in ((0.0 if colour == MIDDLE else 2.6, PAPER), (0.0, colour)):
                axes.plot(*flat[[a, b]].T, color=ink, lw=width + grow, solid_capstyle="round", zorder=3)
        self._now.set_xdata([self._t[k], self._t[k]])

    def _ground(self, way: Array) -> None:
        cell, size = 0.5, 1.5
        at = np.arange(-size, size + cell, cell)
        lines = []
        for z in at - way[1] % cell:
            lines.append([[-size, 0, z], [size, 0, z]])
        for x in at - way[0] % cell:
            lines.append([[x, 0, -size], [x, 0, size]])
        flat = self._camera.flat(np.array(lines))
        self._axes.add_collection(LineCollection(list(flat), colors="#dcd7cb", linewidths=0.9, zorder=1))

    def _shadows(self, place: Array) -> None:
        for name, width in (("TalusR", 0.28), ("TalusL", 0.28), ("Pelvis", 0.5)):
            x, y, z = place[POINT[name]]
            centre = self._camera.flat(np.array([x, 0.0, z + (0.05 if name != "Pelvis" else 0.0)]))
            alpha = 0.16 if name == "Pelvis" else 0.28 * max(0.2, 1 - 4 * y)
            self._axes.add_patch(
                Ellipse(tuple(centre), width, 0.3 * width, color="#5b5648", alpha=alpha, lw=0, zorder=2)
            )

    def _trail(self, k: int) -> None:
        """Draw where the toes have been over the ground in the last second."""
        first = max(0, k - 30)
        for side, colour in (("R", RIGHT), ("L", LEFT)):
            trail = self._place[first : k + 1, POINT[f"Toe{side}"]].copy()
            trail[:, [0, 2]] += self._way[first : k + 1] - self._way[k]
            flat = self._camera.flat(trail)
            segments = np.stack([flat[:-1], flat[1:]], 1)
            alpha = np.linspace(0.0, 0.55, len(segments)) if len(segments) else None
            self._axes.add_collection(
                LineCollection(list(segments), colors=colour, alpha=alpha, linewidths=1.4, zorder=2)
            )


def _pitch(place: Array, heel: str, toe: str) -> Array:
    """Return by how much the foot points up [degrees] (n,)."""
    along = place[:, POINT[toe]] - place[:, POINT[heel]]
    rest = skeleton().offsets
    flat = rest[POINT["FootThumbL"]] + rest[POINT["ToeL"]]
    ahead = np.hypot(along[:, 0], along[:, 2])
    return np.degrees(np.arctan2(along[:, 1], ahead) - np.arctan2(flat[1], flat[2]))


def film(walks: Sequence[Walk], dt_s: float, out: Path) -> None:
    """Write the walks side by side as a GIF or an MP4, by the file's name."""
    width, height = 3.9 * len(walks), 5.6
    figure = Figure(figsize=(width, height), dpi=90, facecolor=PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, len(walks), height_ratios=(4.6, 1), hspace=0.04, wspace=0.28)
    grid.update(left=0.62 / width, right=1 - 0.15 / width, top=0.94, bottom=0.085)
    stages = []
    for i, one in enumerate(walks):
        axes = figure.add_subplot(grid[0, i])
        box = axes.get_position()
        metre_pt = min(box.width * width / 1.64, box.height * height / 2.1) * 72
        stages.append(Stage(axes, figure.add_subplot(grid[1, i]), one, dt_s, metre_pt))
    low = min(stage._now.axes.get_ylim()[0] for stage in stages)
    high = max(stage._now.axes.get_ylim()[1] for stage in stages)
    for stage in stages:
        stage._now.axes.set_ylim(low, high)
    writer = PillowWriter(fps=round(1 / dt_s)) if out.suffix == ".gif" else FFMpegWriter(fps=round(1 / dt_s))
    with writer.saving(figure, str(out), 90):
        for k in range(min(len(one.poses) for one in walks)):
            for stage in stages:
                stage.draw(k)
            writer.grab_frame()


def main(argv: Sequence[str] | None = None) -> int:
    """Play a model; return 0 when done, 1 when it could not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="inproc:REPOSITORY, unix:PATH or grpc://HOST:PORT")
    parser.add_argument("model", nargs="?", default="gait")
    parser.add_argument("--out", type=Path, default=Path("walk.gif"), help=".gif, or .mp4 where ffmpeg is installed")
    parser.add_argument("--body", action="append", metavar="'TITLE: NAME=VALUE, ...'", help="or 'TITLE: @FILE.npz'")
    parser.add_argument("--seconds", type=float, default=2.2)
    parser.add_argument("--cycle", type=float, default=1.1, metavar="S", help="time of a cycle (default: %(default)g)")
    parser.add_argument("--deadline-us", type=float, default=5000.0)
    args = parser.parse_args(argv)
    if args.out.suffix not in (".gif", ".mp4") or not (args.seconds > 0 and args.cycle > 0):
        parser.error("--out must end in .gif or .mp4, --seconds and --cycle be above 0")
    walks = []
    try:
        for text in args.body or ["normal"]:
            title, _, changes = text.partition(":")
            with connect(args.address, args.model) as client:
                values = parameters_of(client.spec, changes)
                walks.append(walk(client, title.strip(), values, args.seconds, args.cycle, args.deadline_us))
                dt_s = client.spec.dt_s
    except (OSError, ValueError) as error:
        print(f"play_gait: {error}", file=sys.stderr)
        return 1
    for one in walks:
        p50, p99 = np.percentile(one.answer_us, [50, 99])
        took = f"sample to answer p50 {p50:.0f} us, p99 {p99:.0f} us, missed {one.missed}"
        print(f"{one.title}: {len(one.poses)} poses, {took}")
    film(walks, dt_s, args.out)
    print(args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
