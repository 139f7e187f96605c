"""A part is on one side of the split as a whole."""

from __future__ import annotations

import pytest

from learn_rt.train.core.split import split_parts

NAMES = ["boat", "cube", "gear", "rosette", "star"]


@pytest.mark.parametrize("seed", range(20))
def test_every_part_is_on_exactly_one_side(seed: int) -> None:
    split = split_parts(NAMES, seed)
    assert sorted((*split.train, *split.validation, *split.test)) == NAMES
    assert len(split.validation) == len(split.test) == 1


def test_the_seed_decides_and_the_order_of_the_names_does_not() -> None:
    assert split_parts(NAMES, 7) == split_parts(NAMES[::-1], 7)
    assert len({split_parts(NAMES, seed) for seed in range(20)}) > 5


@pytest.mark.parametrize("seed", range(10))
def test_named_parts_are_held_out(seed: int) -> None:
    split = split_parts(NAMES, seed, test=["gear", "star"])
    assert split.test == ("gear", "star")
    assert not {"gear", "star"} & {*split.train, *split.validation}


@pytest.mark.parametrize(
    ("names", "validation", "test", "message"),
    [
        (["a", "b"], [], [], "at least three parts"),
        (NAMES, [], ["benchy"], "'benchy' is not in the data"),
        (NAMES, ["gear"], ["gear"], "validation and test: gear"),
        (NAMES, NAMES[:3], NAMES[3:], "at least three parts"),
    ],
)
def test_a_split_that_cannot_be_is_an_error(
    names: list[str], validation: list[str], test: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        split_parts(names, 1, validation, test)
