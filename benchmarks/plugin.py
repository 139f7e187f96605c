"""The pytest plugin: `pytest --benchmark-only --learn-models models/` gates the latency of your own models.

Loaded by every pytest run of the environment, so nothing heavy is imported before a gate is collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.arguments import above_0
from learn_rt.benchmarks.latency.text import TRANSPORTS

if TYPE_CHECKING:
    from learn_rt.benchmarks.latency.baseline import Comparison
    from learn_rt.benchmarks.latency.bench import Bench
    from learn_rt.benchmarks.latency.folders import ModelFolder
    from learn_rt.benchmarks.latency.gate import Case, Report

GATES = Path(__file__).with_name("test_latency_gates.py")
# A net of each system, made when its first gate runs: the names of learn_rt.benchmarks.latency.own_models.
OWN_MODELS = ("printer", "gait", "activity", "cost", "table", "dynamics")
REPORTS: pytest.StashKey[list[Report]] = pytest.StashKey()
COMPARISONS: pytest.StashKey[list[Comparison]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the gates' options."""
    add = parser.getgroup("learn-rt", "latency gates of learn-rt").addoption
    add("--learn-models", type=Path, metavar="DIR", help="gate every model of this model repository")
    add("--learn-budget-us", type=above_0, metavar="US", help="budget of p50 and p99 (default: the spec's, else 1000)")
    add("--learn-rate-hz", type=above_0, metavar="HZ", help="control rate (default: 1 / dt_s of the spec)")
    add("--learn-seconds", type=above_0, metavar="S", help="length of a gate (default: until p99 has its samples)")
    transports = ",".join(TRANSPORTS)
    add("--learn-transports", default=transports, metavar="LIST", help=f"with commas (default: {transports})")


def pytest_configure(config: pytest.Config) -> None:
    """Have the gates collected when models are named, wherever pytest was started."""
    config.stash[REPORTS], config.stash[COMPARISONS] = [], []
    if config.getoption("--learn-models") is not None:
        if not config.pluginmanager.hasplugin("benchmark"):
            raise pytest.UsageError("--learn-models needs pytest-benchmark: pip install 'learn-rt[gates]'")
        config.args.append(str(GATES))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each gate, and of each model for what is measured once a model."""
    if "learn_case" in metafunc.fixturenames:
        cases = _cases(metafunc.config)
        metafunc.parametrize("learn_case", cases, ids=[case.name for case in cases])
    if "learn_gpu_case" in metafunc.fixturenames:
        on_gpu = _gpu_cases(metafunc.config)
        metafunc.parametrize("learn_gpu_case", on_gpu, ids=[case.name for case in on_gpu])
    if "learn_model" in metafunc.fixturenames:
        metafunc.parametrize("learn_model", _names(metafunc.config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the run is not for, instead of reporting it as skipped; and gates that were collected twice."""
    only = config.getoption("benchmark_only", False)
    skip = config.getoption("benchmark_skip", False) and not only
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    seen: set[str] = set()
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        is_gate = "learn_case" in fixtures
        out = "benchmark" in fixtures if skip else only and "benchmark" not in fixtures
        (left_out if out or (is_gate and item.name in seen) else kept).append(item)
        if is_gate:
            seen.add(item.name)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def learn_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The place where latency is measured; it ends what it started."""
    from learn_rt.benchmarks.latency.bench import Bench

    with Bench(*_models(request.config)) as bench:
        yield bench


@pytest.fixture
def learn_gate(learn_bench: Bench, learn_case: Case, request: pytest.FixtureRequest) -> Callable[[], Report]:
    """Measures the gate; its figures are shown at the end of the run, whatever the verdict."""
    return lambda: _measure(learn_bench, learn_case, request.config)


@pytest.fixture
def learn_gpu_gate(learn_bench: Bench, learn_gpu_case: Case, request: pytest.FixtureRequest) -> Callable[[], Report]:
    """The same of a gate on a GPU; skips with the reason where there is none."""
    from learn_rt.benchmarks.latency.gpu import why_not

    if reason := why_not():
        pytest.skip(reason)
    return lambda: _measure(learn_bench, learn_gpu_case, request.config)


def _measure(bench: Bench, case: Case, config: pytest.Config) -> Report:
    from learn_rt.benchmarks.latency import gate

    given = [config.getoption(f"--learn-{name}") for name in ("budget-us", "rate-hz", "seconds")]
    report = gate.run(bench, case, *given)
    config.stash[REPORTS].append(report)
    return report


@pytest.fixture
def learn_comparison(
    learn_bench: Bench, learn_model: str, request: pytest.FixtureRequest
) -> Callable[[], list[Comparison]]:
    """Measures a model's step beside ONNX Runtime's."""

    def measure() -> list[Comparison]:
        from learn_rt.benchmarks.latency.baseline import compare

        found = compare(learn_bench, learn_model)
        request.config.stash[COMPARISONS].extend(found)
        return found

    return measure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the raw figures of every gate, the machine's own beside them."""
    reports, comparisons = config.stash[REPORTS], config.stash[COMPARISONS]
    if not reports and not comparisons:
        return
    from learn_rt.benchmarks.latency import table

    terminalreporter.section("latency gates")
    for line in table.lines([r.as_dict() for r in reports], [c.as_dict() for c in comparisons]):
        terminalreporter.write_line(line)


def _models(config: pytest.Config) -> tuple[list[ModelFolder], list[str]]:
    """Return what is gated: the named repository's models, else the demo's and a net of each other system."""
    from learn_rt.benchmarks.latency.folders import find_models, found_by_default

    named: Path | None = config.getoption("--learn-models")
    return found_by_default(OWN_MODELS) if named is None else (find_models(named), [])


def _names(config: pytest.Config) -> list[str]:
    try:
        models, own = _models(config)
        return [*(model.name for model in models), *own]
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def _cases(config: pytest.Config) -> list[Case]:
    from learn_rt.benchmarks.latency.gate import cases

    try:
        return cases(_names(config), config.getoption("--learn-transports").split(","))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def _gpu_cases(config: pytest.Config) -> list[Case]:
    from learn_rt.benchmarks.latency.gate import Case

    return [Case(name, "cuda", mode) for name in _names(config) for mode in ("closed", "paced")]
