"""Versions come, go and come back while streams run: each answer is that of the version it names."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import tritonclient.grpc as triton
from versioned import SWAPPING, Stream, Versions, eventually, only

from learn_rt.record import read, replay
from learn_rt.record.incidents import incidents
from learn_rt.v1 import predictor_pb2 as pb


def test_a_new_version_is_found_and_running_streams_follow_or_stay(
    versions: Versions, launch: Any, tmp_path: Path
) -> None:
    samples = versions.served.path(4000)
    options = ("--watch", "0.05", "--drain-s", "0", "--record", tmp_path / "boxes", "--backend", "native")
    watching = launch(versions.repository, "--listen", versions.address, *options)
    kinds = (pb.SWAP_NOW, pb.SWAP_CROSSFADE, pb.SWAP_PINNED, pb.SWAP_AT_REST)
    with watching as serving, ExitStack() as stack:
        streams = [stack.enter_context(versions.stream(kind)) for kind in kinds]

        def take(begin: int, end: int) -> None:
            for sample in samples[begin:end]:
                for stream in streams:
                    stream.sample(sample)

        take(0, 200)
        versions.add(2)
        eventually(lambda: versions.stable() == 2)
        n = 200
        while n < len(samples) - 300 and {s.versions[-1] for s in streams[:2]} != {2}:
            take(n, n + 10)
            n += 10
        take(n, n + 200)
        serving.process.send_signal(signal.SIGUSR1)
        boxes = tmp_path / "boxes"
        eventually(lambda: len(list(boxes.glob("*.lrec"))) == len(streams))
        stack.close()
        status, logged = serving.stop()
    assert [s.versions[-1] for s in streams] == [2, 2, 1, 1]  # the samples never stood still
    for stream in streams:
        assert versions.check(stream, samples[: n + 200]) > 100
    assert any(f & SWAPPING for f in streams[1].flags)
    assert status == 0
    assert "a stream goes on with printer/2 after version 1" in logged
    for path in boxes.glob("*.lrec"):
        recording = read(path)
        replayed = replay(recording, versions.repository)
        assert replayed.identical, replayed.first
        assert replayed.answers == n + 200
        told = [incident.what for incident in incidents(recording)]
        assert ("version 2 took over" in told) == (replayed.versions == [1, 2])


def test_a_version_that_comes_in_pieces_is_served_when_it_is_whole(versions: Versions, launch: Any) -> None:
    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        shutil.copytree(versions.sources[2], versions.folder(2), ignore=shutil.ignore_patterns("golden.npz"))
        eventually(lambda: "golden.npz" in versions.state(2)[1])
        assert versions.state(2)[0] == "UNAVAILABLE"
        assert versions.stable() == 1
        shutil.copy(versions.sources[2] / "golden.npz", versions.folder(2))
        eventually(lambda: versions.stable() == 2)
        assert versions.state(2) == ("READY", "")
        shutil.rmtree(versions.folder(2))  # the newest that is left
        eventually(lambda: versions.stable() == 1)
        assert serving.stop()[0] == 0


def test_a_refused_version_blocks_no_good_one_below_it_and_brings_no_older_one(versions: Versions, launch: Any) -> None:
    said = b""

    def logged(text: str) -> bool:
        nonlocal said
        with suppress(BlockingIOError):
            said += os.read(serving.process.stderr.fileno(), 1 << 16)
        return text.encode() in said

    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        os.set_blocking(serving.process.stderr.fileno(), False)
        shutil.copytree(versions.sources[2], versions.folder(3), ignore=shutil.ignore_patterns("golden.npz"))
        eventually(lambda: "golden.npz" in versions.state(3)[1])
        versions.add(2)
        eventually(lambda: versions.stable() == 2)
        (versions.folder(2) / "golden.npz").unlink()  # the one that serves, made a bad one
        eventually(lambda: logged("printer/2 is refused"))
        shutil.copytree(versions.sources[2], versions.repository / "other" / "1")
        with versions.client() as client:
            eventually(lambda: _served(client, "other"))
        assert versions.stable() == 2  # and not 1: the watcher has been around
        shutil.copy(versions.sources[2] / "golden.npz", versions.folder(3))
        eventually(lambda: versions.stable() == 3)
        assert serving.stop()[0] == 0


def test_a_roll_back_by_call_holds_against_the_watcher_until_the_next_load(versions: Versions, launch: Any) -> None:
    versions.add(2)
    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        assert versions.stable() == 2
        with versions.client() as client:
            client.load_model("printer", config=only(1))
            assert versions.stable() == 1
            shutil.copytree(versions.sources[2], versions.repository / "other" / "1")
            eventually(lambda: _served(client, "other"))
            assert versions.stable() == 1  # the watcher has been around
            client.load_model("printer")
            assert versions.stable() == 2
        assert serving.stop()[0] == 0


def _served(client: triton.InferenceServerClient, name: str) -> bool:
    return any(m.name == name and m.state == "READY" for m in client.get_model_repository_index().models)


def test_another_contract_is_left_out_by_the_watcher(versions: Versions, launch: Any, cart_version: Path) -> None:
    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        shutil.copytree(cart_version, versions.folder(2))
        eventually(lambda: "another contract than printer/1" in versions.state(2)[1])
        assert versions.stable() == 1
        assert serving.stop()[0] == 0


def test_many_streams_lose_nothing_over_many_swaps(versions: Versions, launch: Any) -> None:
    versions.add(2)
    samples, over = versions.served.path(200_000), threading.Event()
    kinds = [pb.SWAP_NOW, pb.SWAP_NOW, pb.SWAP_CROSSFADE, pb.SWAP_PINNED]
    streams: dict[int, Stream] = {}
    failures: list[BaseException] = []
    with launch(versions.repository, "--listen", versions.address, "--drain-s", "0") as serving:

        def run(i: int) -> None:
            try:
                with versions.stream(kinds[i]) as stream:
                    for n, sample in enumerate(samples):
                        stream.sample(sample)
                        if n == versions.window:
                            streams[i] = stream
                        if over.is_set():
                            break
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(kinds))]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: len(streams) == len(kinds) or bool(failures))
            with versions.client() as client:
                for i in range(6):
                    wanted, marks = 1 + i % 2, {k: len(s.values) for k, s in streams.items()}

                    def went_on(wanted: int = wanted, marks: dict[int, int] = marks) -> bool:
                        following = [streams[k] for k in range(3)]
                        far = all(len(streams[k].values) > mark + 250 for k, mark in marks.items())
                        return (far and all(s.versions[-1] == wanted for s in following)) or bool(failures)

                    client.load_model("printer", config=only(wanted))
                    eventually(went_on)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert serving.stop()[0] == 0
    assert failures == []
    assert set(streams[3].versions) == {2}
    for stream in streams.values():
        assert versions.check(stream, samples[: len(stream.values)]) > 50
