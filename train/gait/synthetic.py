"""Plausible gait cycles out of parameters: data for trying everything without recordings of people.

Joint angles follow normal gait's curves (as drawn in textbooks of gait analysis: heel contact at phase 0, the other
leg half a cycle later). Weak muscles and short tendons bend them as clinics describe: a weak tibialis anterior lets
the foot drop and the knee lift higher, a weak gluteus medius lets the pelvis drop to the other side and the trunk
lean, ...
The pelvis' height and speed follow from the feet: the lower one stands, and does not slide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from learn_rt.train.gait.parameters import Parameters
from learn_rt.train.gait.pose import FRAME_S, INDEX, JOINTS, N_DOF, N_POSE, ROOT, rotation_matrices
from learn_rt.train.gait.refine import FRAMES_A_CYCLE, N_FRAMES
from learn_rt.train.gait.skeleton import HEIGHT_M, SOLE, Skeleton, carried_by, points, skeleton

Array = NDArray[np.float64]

CYCLE_S = 1.1  # of a gait of cadence 1
SIDES = ("R", "L")
FORCES = ("Tibialis_Anterior", "Soleus", "Gluteus_Medius", "Psoas_Major", "Vastus_Lateralis")
LENGTHS = ("Gastrocnemius", "Psoas_Major", "Bicep_Femoris")
SEGMENTS = ("FemurR", "FemurL", "TibiaR", "TibiaL")
HARMONICS = 6  # of the pelvis' movement: feet that take over from one another must not make it jerk

# [degrees] at phases of the cycle
_HIP = ((0.0, 28), (0.10, 24), (0.30, 5), (0.50, -11), (0.60, -4), (0.72, 19), (0.85, 31))
_KNEE = ((0.0, 4), (0.14, 17), (0.40, 4), (0.50, 10), (0.62, 40), (0.72, 62), (0.85, 33), (0.96, 3))
_ANKLE = ((0.0, 0), (0.07, -6), (0.25, 5), (0.45, 10), (0.52, 5), (0.61, -17), (0.69, -5), (0.78, 3))
_TOES = ((0.0, 8), (0.10, 0), (0.40, 2), (0.57, 28), (0.66, 10), (0.80, 4))


def synthetic_parameters() -> Parameters:
    """Return the parameters that the synthetic corpus varies: 1 is a normal muscle, bone or tendon."""
    rows = [("gait_stride", 0.75, 1.25), ("gait_cadence", 0.75, 1.25), ("skeleton_global", 0.85, 1.0)]
    rows += [(f"skeleton_{name}", 0.9, 1.0) for name in SEGMENTS]
    rows += [(f"muscle_length_{side}_{name}", 0.72, 1.0) for name in LENGTHS for side in SIDES]
    rows += [(f"muscle_force_{side}_{name}", 0.05, 1.0) for name in FORCES for side in SIDES]
    names, low, high = zip(*rows, strict=True)
    return Parameters(names, np.array(low), np.array(high))


def draw_parameters(n: int, rng: np.random.Generator) -> Array:
    """Return parameters (n, P) of bodies, each with its own stride, cadence, size, and some weak or short muscles."""
    p = synthetic_parameters()
    values = rng.uniform(p.low, p.high, (n, len(p)))
    muscle = np.array([name.startswith("muscle") for name in p.names])
    values[muscle & (rng.random((n, len(p))) < 0.75)] = 1.0
    return values


@dataclass(frozen=True)
class Cycles:
    """Cycles of n bodies at FRAMES_A_CYCLE even phases.

    dof: (n, 30, 56) as `pose.JOINTS`; the pelvis' place ahead is what it deviates from `speed` (n,) [m/s];
    duration: (n,) [s].
    """

    dof: Array
    speed: Array
    duration: Array

    def at(self, phase: Array) -> Array:
        """Return dof (n, k, 56) at phases (n, k) [cycles], by trigonometric interpolation; ahead [m] from phase 0."""
        spectrum = np.fft.rfft(self.dof, axis=1) / FRAMES_A_CYCLE
        spectrum[:, 1:] *= 2.0
        spectrum[:, -1] *= 0.5  # the highest one of an even number of samples stands for itself
        turns = phase[:, :, None] * np.arange(spectrum.shape[1])
        values = np.real(np.exp(2j * np.pi * turns) @ spectrum)
        values[:, :, 5] += phase * (self.speed * self.duration)[:, None]
        return np.asarray(values)


def cycles(values: Array) -> Cycles:
    """Return the cycles of bodies with parameters (n, P), in the order of `synthetic_parameters`."""
    p = synthetic_parameters()
    column = {name: values[:, i : i + 1] for i, name in enumerate(p.names)}
    lack = {name: (1.0 - v) / (1.0 - p.low[p.index(name)]) for name, v in column.items() if name.startswith("muscle")}
    phase = np.arange(FRAMES_A_CYCLE)[None] / FRAMES_A_CYCLE
    dof = _angles(phase, column["gait_stride"], lack)
    duration = CYCLE_S / column["gait_cadence"][:, 0]
    body = _bodies(column)
    feet = _feet(dof, body)
    height = feet[..., 1]
    weight = np.exp(-(height - height.min(2, keepdims=True)) / 0.01)  # within a centimetre of the lowest: stands
    dof[:, :, 4] = _smooth(-np.sum(weight * height, 2) / weight.sum(2))
    # A foot that brushes the ground on its way ahead does not carry the body.
    weight[:, :, :3] *= _carries(phase)
    weight[:, :, 3:] *= _carries(phase + 0.5)
    weight /= weight.sum(2, keepdims=True)
    slide = _derivative(feet[..., 2]) / duration[:, None, None]
    ahead = _smooth(-np.sum(weight * slide, 2))
    speed = ahead.mean(1)
    dof[:, :, 5] = _integral(ahead - speed[:, None]) * duration[:, None]
    dof[:, :, 3] = -0.02 * np.sin(2 * np.pi * phase)
    return Cycles(dof, speed, duration)


def refined(values: Array) -> NDArray[np.float32]:
    """Return training sequences (n, 60, 101) of bodies with parameters (n, P)."""
    made = cycles(values)
    phase = np.broadcast_to(np.arange(N_FRAMES) / FRAMES_A_CYCLE, (len(values), N_FRAMES))
    now = made.at(phase)
    before = made.at(phase - (FRAME_S / made.duration)[:, None])
    pose = _poses(now.reshape(-1, N_DOF)).reshape(len(values), N_FRAMES, N_POSE)
    pose[:, :, ROOT] = now[:, :, 3:6] - before[:, :, 3:6]
    pose[:, :, ROOT.start + 1] = now[:, :, 4]
    return pose.astype(np.float32)


def raw(values: Array, n_frames: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Return raw recordings (n_frames, 57) at 30 frames a second, each beginning at a phase of its own."""
    made = cycles(values)
    start = rng.random((len(values), 1))
    phase = start + np.arange(n_frames) * (FRAME_S / made.duration)[:, None]
    return [np.column_stack([dof, row % 1.0]) for dof, row in zip(made.at(phase), phase, strict=True)]


def _angles(phase: Array, stride: Array, lack: dict[str, Array]) -> Array:
    """Return joint angles as dof (n, 30, 56), the pelvis' place still zero."""
    n = len(stride)
    dof = np.zeros((n, FRAMES_A_CYCLE, N_DOF))
    turn = 2 * np.pi * phase
    roll, lean = -4.0 * np.sin(turn) + np.zeros((n, 1)), np.zeros((n, FRAMES_A_CYCLE))
    yaw = 4.0 * stride * np.cos(turn)
    tilt = 3.0 + np.zeros_like(roll)
    for side, sign, own in (("R", 1.0, phase), ("L", -1.0, phase + 0.5)):
        weak = lack[f"muscle_force_{side}_Gluteus_Medius"] * _bump(own, 0.2, 3)
        roll = roll - sign * 7.0 * weak
        lean = lean + sign * 9.0 * weak
        tilt = tilt + 3.0 * lack[f"muscle_length_{side}_Psoas_Major"]
    _set(dof, "Pelvis", _turned(("y", yaw), ("z", roll), ("x", tilt)))
    for side, own in (("R", phase), ("L", phase + 0.5)):
        hip, knee, ankle, toes = _leg(own, stride, {k: lack[k.replace("*", side)] for k in _MUSCLES})
        # Legs walk straight ahead whatever the pelvis does.
        _set(dof, f"Femur{side}", _turned(("y", -yaw), ("z", -roll), ("x", -hip - tilt)))
        _set(dof, f"Tibia{side}", np.radians(knee)[..., None])
        _set(dof, f"Talus{side}", _turned(("x", -ankle)))
        for toe in ("FootPinky", "FootThumb"):
            _set(dof, f"{toe}{side}", np.radians(-toes)[..., None])
    for joint, share in (("Spine", 0.4), ("Torso", 0.6)):
        _set(dof, joint, _turned(("y", -1.6 * share * yaw), ("z", share * (lean - roll)), ("x", -share * tilt)))
    _set(dof, "Neck", _turned(("y", 0.3 * yaw), ("z", -0.5 * lean)))
    _set(dof, "Head", _turned(("y", 0.3 * yaw), ("z", -0.5 * lean)))
    for side, sign, own in (("R", 1.0, phase), ("L", -1.0, phase + 0.5)):
        swing = 4.0 - 17.0 * stride * np.cos(2 * np.pi * (own - 0.03))
        down = np.full_like(swing, sign * 80.0)
        _set(dof, f"Arm{side}", _turned(("x", -swing), ("z", down)))
        _set(dof, f"ForeArm{side}", np.radians(24.0 - 10.0 * np.cos(2 * np.pi * (own - 0.06)) * stride)[..., None])
    return dof


_MUSCLES = tuple(f"muscle_force_*_{name}" for name in FORCES) + tuple(f"muscle_length_*_{name}" for name in LENGTHS)


def _leg(phase: Array, stride: Array, lack: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """Return flexion of hip, knee, ankle and toes [degrees] (n, 30); `lack` is 0 (normal) to 1 (n, 1)."""
    weak = {name: lack[f"muscle_force_*_{name}"] for name in FORCES}
    short = {name: lack[f"muscle_length_*_{name}"] for name in LENGTHS}
    hip, knee, ankle, toes = (_curve(keys, phase) for keys in (_HIP, _KNEE, _ANKLE, _TOES))
    hip = 8.0 + (hip - 8.0) * stride
    knee = 4.0 + (knee - 4.0) * (0.7 + 0.3 * stride)
    drop, push = weak["Tibialis_Anterior"], weak["Soleus"]
    ankle = ankle - drop * (18.0 * _bump(phase, 0.84, 4) + 8.0 * _bump(phase, 0.02, 12))
    hip = hip + 9.0 * drop * _bump(phase, 0.80, 4)
    knee = knee + 12.0 * drop * _bump(phase, 0.76, 5)
    ankle = ankle + 12.0 * push * _bump(phase, 0.62, 12)
    hip = hip + 5.0 * push * _bump(phase, 0.50, 5) - 10.0 * weak["Psoas_Major"] * _bump(phase, 0.80, 3)
    knee = knee - 8.0 * weak["Psoas_Major"] * _bump(phase, 0.75, 5)
    knee = knee - 10.0 * weak["Vastus_Lateralis"] * _bump(phase, 0.15, 4)
    ankle = ankle - 12.0 * short["Gastrocnemius"] * (1.0 - 0.3 * _bump(phase, 0.80, 3))
    hip = hip + 10.0 * short["Psoas_Major"] * _bump(phase, 0.50, 2) + 5.0 * short["Bicep_Femoris"]
    knee = knee + 15.0 * short["Bicep_Femoris"]
    return hip, knee, ankle, toes + np.zeros_like(hip)


def _curve(keys: tuple[tuple[float, float], ...], phase: Array) -> Array:
    at, values = np.array([*keys, (1.0, keys[0][1])]).T
    return np.asarray(CubicSpline(at, values, bc_type="periodic")(phase % 1.0))


def _bump(phase: Array, centre: float, sharpness: float) -> Array:
    """Return 1 at the centre, falling off smoothly round the cycle."""
    return np.asarray(np.exp(sharpness * (np.cos(2 * np.pi * (phase - centre)) - 1.0)))


def _turned(*turns: tuple[str, Array]) -> Array:
    """Return rotation vectors (n, 30, 3) of turns about own axes, the first one first [degrees]."""
    axes = "".join(axis.upper() for axis, _ in turns)
    angles = np.stack([angle for _, angle in turns], -1)
    flat = angles.reshape(-1, len(turns))
    turned = Rotation.from_euler(axes, flat, degrees=True)
    return np.asarray(turned.as_rotvec()).reshape(*angles.shape[:2], 3)


def _set(dof: Array, name: str, values: Array) -> None:
    at = JOINTS[INDEX[name]].dof
    dof[:, :, at] = values


def _poses(dof: Array) -> Array:
    pose = np.zeros((len(dof), N_POSE))
    for joint in JOINTS:
        values = dof[:, joint.dof]
        pose[:, joint.pose] = values if joint.axis else rotation_matrices(values)[:, :2].reshape(-1, 6)
    return pose


def _bodies(column: dict[str, Array]) -> Skeleton:
    offsets = np.repeat(skeleton(HEIGHT_M).offsets[None], len(column["skeleton_global"]), 0)
    for name in SEGMENTS:
        offsets[:, carried_by(name)] *= column[f"skeleton_{name}"][:, :, None]
    return Skeleton(offsets * column["skeleton_global"][:, :, None])


def _feet(dof: Array, body: Skeleton) -> Array:
    """Return the soles' points (n, 30, 6, 3) relative to the pelvis' place, its height as at rest."""
    frames = Skeleton(np.repeat(body.offsets, dof.shape[1], 0))
    return points(_poses(dof.reshape(-1, N_DOF)), frames)[:, SOLE].reshape(*dof.shape[:2], len(SOLE), 3)


def _carries(phase: Array) -> Array:
    """Return about 1 in stance, from 0.02 to 0.57 of a leg's cycle, and about 0 in swing, (1, 30, 1)."""
    return np.asarray(1.0 / (1.0 + np.exp(-25.0 * (np.cos(2 * np.pi * (phase - 0.295)) + 0.15))))[..., None]


def _smooth(values: Array) -> Array:
    spectrum = np.fft.rfft(values, axis=1)
    spectrum[:, HARMONICS + 1 :] = 0.0
    return np.asarray(np.fft.irfft(spectrum, values.shape[1], axis=1))


def _derivative(values: Array) -> Array:
    """Return the derivative along axis 1, one cycle, a cycle."""
    spectrum = np.fft.rfft(values, axis=1)
    order = np.arange(spectrum.shape[1]).reshape(-1, *[1] * (values.ndim - 2))
    spectrum = spectrum * 2j * np.pi * order
    spectrum[:, -1] = 0.0
    return np.asarray(np.fft.irfft(spectrum, values.shape[1], axis=1))


def _integral(values: Array) -> Array:
    """Return the integral along axis 1 over phase, of values of mean zero."""
    spectrum = np.fft.rfft(values, axis=1)
    spectrum[:, 1:] /= 2j * np.pi * np.arange(1, spectrum.shape[1])
    spectrum[:, 0] = 0.0
    return np.asarray(np.fft.irfft(spectrum, values.shape[1], axis=1))
