"""Sequences come from disk whole, each once an epoch, in bounded memory and in the same order every time."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from learn_rt.train.gait.corpus import Corpus, Run
from learn_rt.train.gait.parameters import read_parameters
from learn_rt.train.gait.refine import write_npz
from learn_rt.train.gait.split import named_runs, split_runs
from learn_rt.train.gait.stream import Stream


def everything(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays of all files, read by numpy."""
    loaded = [np.load(source.path, allow_pickle=False) for source in corpus.sources]
    return tuple(np.concatenate([file[name] for file in loaded]) for name in ("params", "motions"))  # type: ignore[return-value]


def stream_of(corpus: Corpus, capacity: int, n_sequences: int = 0, seed: int = 3) -> Stream:
    return Stream(corpus, corpus.runs(7), capacity, n_sequences, seed)


def epoch_of(stream: Stream, epoch: int, batch_size: int = 64, passes: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    batches = list(stream.batches(epoch, batch_size, passes, torch.Generator().manual_seed(epoch)))
    assert all(len(x) == batch_size for x, _ in batches[:-1])
    x, pose = zip(*batches, strict=True)
    return torch.cat(x), torch.cat(pose)


def test_what_is_read_in_place_is_what_numpy_reads(gait_corpus: Path) -> None:
    corpus = Corpus(gait_corpus)
    assert len(corpus.sources) == 3
    assert all(source.in_place for source in corpus.sources)
    params, motions = corpus.load(corpus.runs(13))
    expected = everything(corpus)
    np.testing.assert_array_equal(params, expected[0])
    np.testing.assert_array_equal(motions, expected[1])


def test_compressed_and_flat_files_of_doubles_give_the_same_sequences(gait_corpus: Path, tmp_path: Path) -> None:
    shutil.copy(gait_corpus / "parameters.csv", tmp_path)
    params, motions = everything(Corpus(gait_corpus))
    np.savez_compressed(tmp_path / "a.npz", params=params[:50], motions=motions[:50])
    flat = motions[50:].reshape(-1, 6060).astype(np.float64)
    write_npz(tmp_path / "b.npz", params=params[50:].astype(np.float64), motions=flat)
    corpus = Corpus(tmp_path)
    assert not any(source.in_place for source in corpus.sources)
    for got, expected in zip(corpus.load(corpus.runs(64)), (params, motions), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_text_file_lists_folders_and_files(gait_corpus: Path, tmp_path: Path) -> None:
    first = sorted(gait_corpus.glob("*.npz"))[0]
    (tmp_path / "motion.txt").write_text(f"{gait_corpus}\n\n{first}\n")
    corpus = Corpus(tmp_path / "motion.txt")
    assert len(corpus) == 120 + 50
    assert len(set(corpus.names())) == 3  # a file twice is the same file


@pytest.mark.parametrize("capacity", [21, 50, 1000])
@pytest.mark.parametrize("batch_size", [64, 1000])
def test_every_frame_comes_once_an_epoch_whatever_the_memory(gait_corpus: Path, capacity: int, batch_size: int) -> None:
    corpus = Corpus(gait_corpus)
    stream = stream_of(corpus, capacity)
    params, motions = everything(corpus)
    phase = np.tile(np.arange(60) % 30 / 30, len(params)).astype(np.float32)
    expected = np.column_stack([np.repeat(params, 60, 0), phase, motions.reshape(-1, 101)])
    got = torch.cat(epoch_of(stream, 0, batch_size), 1).numpy()
    order = [np.lexsort(rows.T) for rows in (got, expected)]
    np.testing.assert_allclose(got[order[0]], expected[order[1]], atol=1e-7)


def test_memory_is_what_was_said(gait_corpus: Path) -> None:
    corpus = Corpus(gait_corpus)
    stream = stream_of(corpus, 21)
    held = set()
    for pool in stream.pools(0):
        assert len(pool.params) <= 21
        held.add(pool.motions.data_ptr())
    assert len(held) == 2
    assert stream.n_bytes == 2 * 21 * 4 * (23 + 6060)


def test_epochs_are_shuffled_differently_and_repeat_to_the_bit(gait_corpus: Path) -> None:
    corpus = Corpus(gait_corpus)
    first, second = stream_of(corpus, 21), stream_of(corpus, 21)
    one = epoch_of(first, 0), epoch_of(first, 1)
    again = epoch_of(second, 1)  # without the epoch before it: as a resumed run
    assert torch.equal(one[1][0], again[0])
    assert torch.equal(one[1][1], again[1])
    assert not torch.equal(one[0][0], one[1][0])
    neighbours = (one[0][0][1:, :-1] == one[0][0][:-1, :-1]).all(1).float().mean()
    assert neighbours < 0.2  # frames of one sequence do not come together


def test_an_epoch_can_be_a_part_of_the_corpus_and_can_go_over_it_again(gait_corpus: Path) -> None:
    corpus = Corpus(gait_corpus)
    stream = stream_of(corpus, 21, n_sequences=40)
    x, _ = epoch_of(stream, 0)
    assert len(x) == 40 * 60
    x, _ = epoch_of(stream, 1, passes=3)
    assert len(x) == 3 * 40 * 60
    _, counts = np.unique(x.numpy(), axis=0, return_counts=True)
    assert (counts % 3 == 0).all()  # each frame as often; the two cycles of a synthetic sequence are the same


def test_an_epoch_that_is_cut_short_leaves_the_stream_whole(gait_corpus: Path) -> None:
    corpus = Corpus(gait_corpus)
    stream = stream_of(corpus, 21)
    batches = stream.batches(0, 64, 1, torch.Generator().manual_seed(0))
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert torch.equal(epoch_of(stream, 1)[0], epoch_of(stream_of(corpus, 21), 1)[0])


def test_held_out_runs_are_drawn_by_the_seed_and_found_again_by_name(gait_corpus: Path) -> None:
    corpus = Corpus(gait_corpus)
    split = split_runs(corpus, 1, 0.1, 0.1, 1000)
    assert split == split_runs(corpus, 1, 0.1, 0.1, 1000)
    assert split != split_runs(corpus, 2, 0.1, 0.1, 1000)
    sides = [{(r.source, i) for r in side for i in range(r.start, r.start + r.count)} for side in vars(split).values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 120
    assert len(sides[1]) == len(sides[2]) == 12
    assert tuple(named_runs(corpus, split.describe(corpus)["test"])) == split.test
    for held in (None, [], ["x"], ["refined_data_0000.npz:3-90"], ["other.npz:0-1"], [7]):
        with pytest.raises(ValueError, match="held-out"):
            named_runs(corpus, held)


def test_values_that_are_no_poses_are_refused(gait_corpus: Path, tmp_path: Path) -> None:
    shutil.copy(gait_corpus / "parameters.csv", tmp_path)
    params, motions = everything(Corpus(gait_corpus))
    motions[5, 3, 2] = np.nan
    write_npz(tmp_path / "a.npz", params=params, motions=motions)
    corpus = Corpus(tmp_path)
    corpus.load([Run(0, 6, 10)])
    with pytest.raises(ValueError, match=r"a\.npz: sequences 0 to 9 must be finite"):
        corpus.load([Run(0, 0, 10)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,low,high\na,0,1\n", "first line must be name,min,max"),
        ("name,min,max\na,0\n", r"parameters.csv:2: expected name,min,max with numbers"),
        ("name,min,max\na,0,one\n", r"parameters.csv:2: expected"),
        ("name,min,max\na,1,1\n", "finite min below its max"),
        ("name,min,max\na,0,1\na,0,1\n", "distinct names"),
        ("name,min,max\n", "1 to 4,000 parameters"),
    ],
)
def test_parameters_that_are_none_are_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "parameters.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_parameters(tmp_path / "parameters.csv")
