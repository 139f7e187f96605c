"""`python -m learn_rt`: where the C++ side of this installation lies."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from learn_rt import __version__


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m learn_rt",
        description=__doc__,
        epilog='example: cmake -S . -B build -Dlearn_rt_DIR="$(python -m learn_rt --cmakedir)"',
    )
    parser.add_argument("--version", action="version", version=__version__)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--cmakedir", action="store_true", help="the folder for CMake's find_package(learn_rt)")
    asked.add_argument("--includedir", action="store_true", help="the folder of the C++ headers")
    asked.add_argument("--libdir", action="store_true", help="the folder of the shared libraries")
    options = parser.parse_args()
    # Compiled parts can lie elsewhere than Python's own files do, as in an editable installation.
    compiled = find_spec("learn_rt._runtime")
    if compiled is None or compiled.origin is None:
        parser.exit(1, "python -m learn_rt: this installation has no compiled parts\n")
    folder = Path(compiled.origin).parent
    print(folder / "cmake" if options.cmakedir else folder / "include" if options.includedir else folder)


if __name__ == "__main__":
    main()
