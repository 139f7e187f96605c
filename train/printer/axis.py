"""One axis stepped exactly: between two samples and two changes of sign its motion has a closed form.

Public: `run_axis(...)`, which `plant.simulate` calls. Compiled; positions in mm, speeds in mm/s, forces in mN.
"""

from __future__ import annotations

import math

import numba

MAX_STEP_S = 0.0005  # of stiffness that changes with position: error below 2 nm even after a jump of 150 mm/s
MAX_EVENTS = 16  # stops and breakaways inside one step; physics gives at most a few


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _propagator(k_m, c_m, h):  # type: ignore[no-untyped-def]
    """Return the transition (4 numbers) of u'' = -k/m u - c/m u' over h seconds."""
    sigma = 0.5 * c_m
    omega = math.sqrt(k_m - sigma * sigma)
    decay = math.exp(-sigma * h)
    c = decay * math.cos(omega * h)
    s = decay * math.sin(omega * h) / omega
    return c + sigma * s, s, -k_m * s, c - sigma * s


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _slide(q, v, r, d, h, k_m, c_m, f_m):  # type: ignore[no-untyped-def]
    """Return position and speed after h seconds of sliding against the friction f_m (signed), command r + d t."""
    p11, p12, p21, p22 = _propagator(k_m, c_m, h)
    rest = r - f_m / k_m
    u, w = q - rest, v - d
    return rest + d * h + p11 * u + p12 * w, d + p21 * u + p22 * w


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rub(q, v, r, d, h, k_m, c_m, f_m):  # type: ignore[no-untyped-def]
    """Return position and speed after h seconds with dry friction: slides, stops, sticks and breaks away."""
    for _ in range(MAX_EVENTS):
        if v == 0.0:
            pull = k_m * (r - q) + c_m * d
            if abs(pull) <= f_m:
                last = pull + k_m * d * h
                if abs(last) <= f_m:
                    return q, 0.0
                sign = math.copysign(1.0, last)
                wait = min(max((sign * f_m - pull) / (k_m * d), 0.0), h)
                r += d * wait
                h -= wait
            else:
                sign = math.copysign(1.0, pull)
        else:
            sign = math.copysign(1.0, v)
        q1, v1 = _slide(q, v, r, d, h, k_m, c_m, sign * f_m)
        if v1 * sign >= 0.0:
            return q1, v1
        low, high = 0.0, h  # it stops within the step: v(low) goes along, v(high) against
        for _ in range(60):
            middle = 0.5 * (low + high)
            if _slide(q, v, r, d, middle, k_m, c_m, sign * f_m)[1] * sign > 0.0:
                low = middle
            else:
                high = middle
        q, _v = _slide(q, v, r, d, high, k_m, c_m, sign * f_m)
        v = 0.0
        r += d * high
        h -= high
    return q, 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def run_axis(numbers, command, offset, added, dt, every, state, actual):  # type: ignore[no-untyped-def]
    """Fill `actual` with the positions of one axis at its knots, and advance `state`.

    Args: numbers: m, k, c, slope, its limit, centre, friction; command: (n,); offset: (k,) or (0,); added: mass of the
        print, (1,) or (k,); dt [s] between commands; every: commands a knot; state: position and speed; actual: (k,).
    """
    mass, k, c, slope, limit, centre, friction = numbers
    q, v = state
    parts = 1
    if slope != 0.0 or friction != 0.0:
        parts = math.ceil(dt / MAX_STEP_S - 1e-9)
    h = dt / parts
    k_m, c_m, f_m = k / (mass + added[0]), c / (mass + added[0]), friction / (mass + added[0])
    p11, p12, p21, p22 = _propagator(k_m, c_m, h)
    actual[0] = q
    for i in range(command.size - 1):
        knot, phase = i // every, i % every
        r, r1 = command[i], command[i + 1]
        if offset.size:
            step = (offset[knot + 1] - offset[knot]) / every
            r += offset[knot] + step * phase
            r1 += offset[knot] + step * (phase + 1)
        d = (r1 - r) / dt
        if phase == 0 and added.size > 1:
            m = mass + added[knot]
            k_m, c_m, f_m = k / m, c / m, friction / m
            p11, p12, p21, p22 = _propagator(k_m, c_m, h)
        if slope == 0.0 and friction == 0.0:
            u, w = q - r, v - d
            q = r1 + p11 * u + p12 * w
            v = d + p21 * u + p22 * w
        else:
            for _ in range(parts):
                change = slope * (q + 0.5 * h * v - centre)
                kp = k_m * (1.0 + min(max(change, -limit), limit))
                if friction == 0.0:
                    q, v = _slide(q, v, r, d, h, kp, c_m, 0.0)
                else:
                    q, v = _rub(q, v, r, d, h, kp, c_m, f_m)
                r += d * h
        if (i + 1) % every == 0:
            actual[(i + 1) // every] = q
    state[0] = q
    state[1] = v
