"""Make recordings of a motor that turns an elastic arm: `python make_logs.py logs` writes six CSV files.

The columns: `time` [s], `voltage` [V] and `speed` [rad/s] of the motor at 200 Hz, `temperature` [C] of its gearbox at
5 Hz, and `deflection` [mm] of the arm's tip, which a camera measures in the laboratory and nothing measures later. A
model that predicts the deflection from the first three replaces the camera.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

DT_S, STEPS = 0.005, 6000  # 200 Hz, 30 s
PER_TICK = 5  # steps of the simulation
INERTIA_MOTOR, INERTIA_ARM, LENGTH_M = 0.02, 0.03, 0.4
STIFFNESS, HARDENING, DAMPING = 30.0, 4000.0, 0.05  # N m/rad, N m/rad^3, N m s/rad
TORQUE_V, BACK_EMF = 0.5, 0.4  # N m/V, N m s/rad


def record(seed: int) -> np.ndarray:
    """Return rows of time, voltage, speed, temperature (a number every 40th row) and deflection."""
    rng = np.random.default_rng(seed)
    angle, speed, arm, arm_speed = np.zeros(4)
    temperature, voltage = rng.uniform(20.0, 45.0), 0.0
    rows = np.zeros((STEPS, 5))
    for k in range(STEPS):
        if k % int(rng.integers(20, 200)) == 0:
            voltage = rng.uniform(-6.0, 6.0)
        for _ in range(PER_TICK):
            h = DT_S / PER_TICK
            twist = angle - arm
            spring = STIFFNESS * twist + HARDENING * twist**3 + DAMPING * (speed - arm_speed)
            # cold grease is stiff
            friction = (0.25 + 6.0 / temperature) * np.tanh(speed / 0.05)
            speed += h * (TORQUE_V * voltage - BACK_EMF * speed - friction - spring) / INERTIA_MOTOR
            arm_speed += h * spring / INERTIA_ARM
            angle, arm = angle + h * speed, arm + h * arm_speed
        temperature += DT_S * 0.01 * (abs(voltage) * 8.0 + 20.0 - temperature)
        measured = speed + 0.02 * rng.normal()
        slow = temperature if k % 40 == 0 else np.nan
        rows[k] = k * DT_S, voltage, measured, slow, 1e3 * LENGTH_M * (angle - arm) + 0.05 * rng.normal()
    return rows


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "logs")
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(6):
        with (folder / f"run-{seed + 1}.csv").open("w") as file:
            file.write("time,voltage,speed,temperature,deflection\n")
            for row in record(seed):
                file.write(",".join("" if np.isnan(value) else f"{value:.6g}" for value in row) + "\n")


if __name__ == "__main__":
    main()
