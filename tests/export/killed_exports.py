"""Kill an export at each of its uses of the file system in turn, and check after each what a reader finds.

Prints `publish N` and `add N`: the moments tried. Exits 1 with the reason when a reader finds half a version.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from learn_rt.export import folder
from learn_rt.spec import Kind, Signal, Spec

SPEC = Spec("m", Kind.POINTWISE, 0.01, (Signal("a", "m"),), (Signal("y", "m"),))
FIRST = {"spec.json": "{}", "golden.npz": "x" * 100_000, "model.onnx": "y" * 100_000}
MORE = {**FIRST, "model.pt": "z" * 100_000}


def publish(model: Path) -> None:
    with folder.staging(model) as stage:
        for name, text in FIRST.items():
            (stage / name).write_text(text)
        folder.publish(stage, 1, SPEC)


def add(model: Path) -> None:
    with folder.staging(model) as stage:
        for name, text in MORE.items():
            (stage / name).write_text(text)
        folder.add(stage, model / "1")


def killed_at(moment: int, work: Callable[[Path], None], model: Path) -> bool:
    """Run `work` in a child that is killed at its `moment`-th use of the file system; return whether it was."""
    child = os.fork()
    if child == 0:
        left = moment

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event == "open" or event.startswith(("os.", "shutil.", "fcntl.", "ctypes.")):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work(model)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        sys.exit(f"the child failed at moment {moment}")
    return os.WIFSIGNALED(status)


def check(model: Path, allowed: list[dict[str, str]]) -> None:
    """Check that each version is one of `allowed`, whole, and that nothing else looks like a version."""
    for number in folder.versions(model):
        found = {p.name: p.read_text() for p in (model / str(number)).iterdir() if p.name != folder.SUMS}
        if found not in allowed or folder.read_sums(model / str(number)).keys() != found.keys():
            sys.exit(f"half a version: {sorted(found)}")
    strange = [p.name for p in model.iterdir() if p.name not in ("1", "config.pbtxt") and p.name[0] != "."]
    if strange:
        sys.exit(f"left behind in sight: {strange}")


def main(root: Path) -> None:
    for work, before, after in ((publish, [], [FIRST]), (add, [FIRST], [FIRST, MORE])):
        moment = 0
        killed = True
        while killed:
            moment += 1
            model = root / f"{work.__name__}{moment}" / "m"
            if before:
                publish(model)
            killed = killed_at(moment, work, model)
            if model.exists():
                check(model, [*before, *after])
            if before and folder.versions(model) != [1]:
                sys.exit(f"the version is gone after a kill at moment {moment}")
            if folder.versions(model) != [1]:
                publish(model)  # the next exporter comes through and tidies up
            add(model)
            check(model, [MORE])
            if sorted(p.name for p in model.iterdir()) != ["1", "config.pbtxt"]:
                sys.exit(f"not tidied up after a kill at moment {moment}")
            shutil.rmtree(model.parent)
        print(work.__name__, moment - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
