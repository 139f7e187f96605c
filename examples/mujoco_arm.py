"""A 50 Hz policy in a 1 kHz MuJoCo loop: someone's ONNX file, imported, and run by the names of its signals.

    python examples/mujoco_arm.py --out build/arm

A two-joint arm follows a moving target. The policy is a file as robot-learning exporters write it: opset 17, a batch of
one, the signals told in its metadata, histories in its observation, its last action among its inputs, its joints in
another order than MuJoCo's. It is fitted here in seconds, so that the example needs no training; yours comes from
anywhere. Needs learn-rt[train,export,sim].
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import mujoco
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learn_rt.export.import_cli import main as learn_import
from learn_rt.runtime import Model, load

ARM = """
<mujoco>
  <option timestep="0.001" integrator="implicitfast"/>
  <worldbody>
    <body>
      <joint name="shoulder" axis="0 1 0" damping="0.2" armature="0.05"/>
      <geom type="capsule" fromto="0 0 0 0.4 0 0" size="0.03" mass="2"/>
      <body pos="0.4 0 0">
        <joint name="elbow" axis="0 1 0" damping="0.2" armature="0.05"/>
        <geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.02" mass="1"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="shoulder"/><motor joint="elbow"/></actuator>
</mujoco>
"""
POLICY_JOINTS = ("elbow", "shoulder")  # the policy's order
DEFAULT, SCALE = (0.6, -0.4), (0.5, 0.5)  # [rad], in that order
STIFFNESS, DAMPING = 80.0, 4.0  # [Nm/rad], [Nm s/rad]
EVERY = 20  # ticks of 1 ms an answer: 50 Hz
HISTORY = 3

Floats = NDArray[np.float64]


def wanted(t_s: float) -> Floats:
    """Return the angles [rad] of shoulder and elbow to be at, at a time."""
    return np.array([-0.4 + 0.5 * np.sin(1.7 * t_s), 0.6 + 0.7 * np.sin(2.3 * t_s)])


def holding_targets(arm: mujoco.MjModel, angles: Floats) -> Floats:
    """Return the targets (n, 2) that make stiff joints stand at angles (n, 2): a little above, against gravity."""
    data = mujoco.MjData(arm)
    targets = angles.copy()
    for i, q in enumerate(angles):
        data.qpos[:], data.qvel[:] = q, 0.0
        mujoco.mj_forward(arm, data)
        targets[i] += data.qfrc_bias / STIFFNESS
    return targets


class Policy(nn.Module):
    """joint_pos, joint_vel, command, actions -> actions, all but the command with their history."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Return the action (batch, 2) to observations (batch, 20)."""
        return self.net(x[:, 4 * HISTORY : 4 * HISTORY + 2])


def write_policy(arm: mujoco.MjModel, path: Path) -> None:
    """Fit the policy to what gravity asks for, and write it as exporters do."""
    torch.manual_seed(0)
    order = [0, 1][::-1]
    angles = np.random.default_rng(0).uniform([-1.2, -0.4], [0.4, 1.6], (2000, 2))
    actions = (holding_targets(arm, angles)[:, order] - DEFAULT) / SCALE
    command, goal = (torch.tensor(a, dtype=torch.float32) for a in (angles[:, order], actions))
    policy = Policy()
    adam = torch.optim.Adam(policy.parameters(), 5e-3)
    x = torch.zeros(len(command), 20)
    x[:, 4 * HISTORY : 4 * HISTORY + 2] = command
    for _ in range(600):
        adam.zero_grad()
        (policy(x) - goal).square().mean().backward()
        adam.step()
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's age
        names = {"input_names": ["obs"], "output_names": ["actions"]}
        torch.onnx.export(policy.eval(), (x[:1],), file, dynamo=False, opset_version=17, **names)
    model = onnx.ModelProto.FromString(file.getvalue())
    metadata = {
        "observation_names": "joint_pos,joint_vel,command,actions",
        "observation_history_lengths": f"{HISTORY},{HISTORY},1,{HISTORY}",
        "joint_names": ",".join(POLICY_JOINTS),
        "default_joint_pos": "0.600,-0.400",
        "action_scale": "0.500,0.500",
        "joint_stiffness": f"{STIFFNESS},{STIFFNESS}",
        "joint_damping": f"{DAMPING},{DAMPING}",
    }
    for key, value in metadata.items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    path.write_bytes(model.SerializeToString())


def bring_in(out: Path) -> Model:
    """Import the policy: what its metadata do not tell is in the spec file; the samples are a recording."""
    (out / "spec.yaml").write_text(
        "dt_s: 0.02\ninputs:\n- {name: command, unit: rad, elements: [elbow, shoulder], range_trained: [-1.2, 1.6]}\n"
    )
    random = np.random.default_rng(1)
    names = ("joint_pos", "joint_vel", "command", "actions")
    np.savez(out / "recording.npz", **{name: random.uniform(-1, 1, (400, 2)) for name in names})
    files = ["--spec", str(out / "spec.yaml"), "--samples", str(out / "recording.npz"), "--out", str(out / "models")]
    if learn_import([str(out / "policy.onnx"), *files]) != 0:
        raise SystemExit(1)
    versions = sorted((out / "models" / "policy").glob("[1-9]*"), key=lambda v: int(v.name))
    return load(versions[-1])


def follow(model: Model, arm: mujoco.MjModel, between: Literal["hold", "linear"], seconds: float) -> dict[str, float]:
    """Run the loop; return the tracking error [mrad], the largest torque step [Nm] and a policy tick's time [us]."""
    joints = [arm.joint(i).name for i in range(arm.njnt)]  # MuJoCo's order, which is not the policy's
    elements = dict.fromkeys(("joint_pos", "joint_vel", "command", "joint_pos_target"), joints)
    session = model.signals(elements=elements, reorder=True, every=EVERY, between=between)
    data = mujoco.MjData(arm)
    data.qpos[:] = wanted(0.0)
    told = model.spec.provenance["import"]["metadata"]
    kp, kd = np.array(told["joint_stiffness"])[::-1], np.array(told["joint_damping"])[::-1]
    errors, torques, took_us = [], [], []
    for tick in range(round(seconds * 1000)):
        t_s = tick * arm.opt.timestep
        start = time.perf_counter_ns()
        target, _ = session.step({"joint_pos": data.qpos, "joint_vel": data.qvel, "command": wanted(t_s)})
        if tick % EVERY == 0:
            took_us.append((time.perf_counter_ns() - start) / 1e3)
        data.ctrl[:] = kp * (target["joint_pos_target"] - data.qpos) - kd * data.qvel
        mujoco.mj_step(arm, data)
        session.settle()
        errors.append(data.qpos - wanted(t_s))
        torques.append(data.ctrl.copy())
    steady = slice(500, None)
    return {
        "error_mrad": 1e3 * float(np.sqrt(np.mean(np.square(errors[steady])))),
        "torque_step_nm": float(np.abs(np.diff(torques, axis=0)[steady]).max()),
        "policy_us": float(np.median(took_us)),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Make the policy, import it, run both ways, print what each did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/arm"), help="where the files go (default: build/arm)")
    parser.add_argument("--seconds", type=float, default=8.0, help="simulated time (default: 8)")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)  # nets this small lose by sharing
    options.out.mkdir(parents=True, exist_ok=True)
    arm = mujoco.MjModel.from_xml_string(ARM)
    write_policy(arm, options.out / "policy.onnx")
    model = bring_in(options.out)
    print(f"\n{'between':8} {'error mrad':>12} {'torque step Nm':>16} {'policy us':>10}")
    for between in ("hold", "linear"):
        got = follow(model, arm, between, options.seconds)
        print(f"{between:8} {got['error_mrad']:12.1f} {got['torque_step_nm']:16.3f} {got['policy_us']:10.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
