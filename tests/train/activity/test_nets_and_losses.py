"""The nets keep what they promise, and the loss is the formula."""

import math

import pytest
import torch
import torch.nn.functional as F

from learn_rt.train.activity.augment import Augmentation, AugmentConfig, rotations, slow_part
from learn_rt.train.activity.figures import all_figures
from learn_rt.train.activity.losses import ScenarioConfig, squared_error, three_parts, unlikeness
from learn_rt.train.activity.model import Activity, NetConfig
from learn_rt.train.activity.nets import Block, Extractor, ExtractorConfig, RegressorConfig, longer, same, unremembered
from learn_rt.train.activity.task import Objective

SMALL = NetConfig(
    extractor=ExtractorConfig(n_filters=4, filter_size=4, n_dense=6),
    regressor=RegressorConfig(channels=[4, 4], kernels=[5, 1], dilations=[2, 1], temporal=6, fc_hidden=8),
    members=2,
    window=21,
    input_channels=3,
    num_joints=2,
    n_classes=5,
)


@pytest.fixture
def nets() -> Activity:
    torch.manual_seed(0)
    made = Activity(SMALL)
    made.normalize(torch.randn(500, 3) * 4 + 1, torch.randn(40, 21, 9))
    return made.eval()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_padding_keeps_the_length_and_the_middle(size: int, dilation: int) -> None:
    padding, more = same(size, dilation)
    x = torch.zeros(1, 1, 40)
    x[0, 0, 20] = 1.0
    kernel = torch.zeros(1, 1, size)
    kernel[0, 0, (size - 1) // 2] = 1.0
    y = F.conv1d(longer(x, more), kernel, dilation=dilation, padding=padding)
    assert y.shape == x.shape
    # The middle tap (the left of two) answers within one dilation of where it stands.
    assert abs(int(y.argmax()) - 20) <= (dilation if size % 2 == 0 else 0)


def test_a_block_keeps_joints_and_time() -> None:
    assert Block(3, 8, 4, 5, 4, 0.1)(torch.randn(2, 3, 4, 30)).shape == (2, 8, 4, 30)


def test_normalization_is_inside_and_answers_are_probabilities(nets: Activity) -> None:
    x = torch.randn(7, 21, 3) * 4 + 1
    r = nets.recognizer
    placed = ((x - r.mean) / r.std).transpose(1, 2)
    by_hand = sum(m.classifier(m.extractor(placed)).softmax(1) for m in r.members) / 2
    assert torch.allclose(nets(x), by_hand)
    assert torch.allclose(nets(x).sum(1), torch.ones(7))
    assert nets.served() is r


def test_moving_the_whole_body_changes_nothing_for_the_simulated_sensor(nets: Activity) -> None:
    pose = torch.randn(3, 21, 9).double()
    simulator = nets.simulator.double()
    assert torch.allclose(simulator(pose), simulator(pose + torch.tensor([1.0, -2.0, 3.0]).repeat(3)))
    assert simulator(pose).shape == (3, 21 * 3)


def test_the_simulated_sensor_is_answered_sample_by_sample_in_its_units(nets: Activity) -> None:
    pose = torch.randn(2, 21, 9)
    s = nets.simulator
    answered = s(pose).view(2, 21, 3)
    assert torch.allclose(answered[:, 4, 1], s.simulate(pose)[:, 1, 4] * s.std[1] + s.mean[1], atol=1e-6)


def test_dropout_is_what_the_configuration_says() -> None:
    made = Extractor(ExtractorConfig(drop_prob=0.25, drop_features=0.75), 3, 100)
    assert (made.dropout.p, made.drop_features.p) == (0.25, 0.75)


def test_the_squared_error_counts_only_where_the_pose_was_seen() -> None:
    real, made = torch.zeros(1, 2, 4), torch.tensor([[[1.0, 2.0, 100.0, 100.0], [3.0, 0.0, 100.0, 100.0]]])
    seen = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert squared_error(made, real, seen).item() == pytest.approx((1 + 4 + 9 + 0) / 4)
    assert squared_error(made, real, torch.zeros(1, 4)).item() == 0.0


def test_the_loss_is_its_formula() -> None:
    a, b = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 2.0], [3.0, 3.0]])
    assert unlikeness(a, b).item() == pytest.approx((1.0 + 0.0) / 2)
    parts = {"ce_real": torch.tensor(2.0), "ce_simulated": torch.tensor(3.0)}
    parts |= {"mse": torch.tensor(5.0), "unlikeness": torch.tensor(7.0)}
    config = ScenarioConfig(alpha=1.5, beta=0.3, gamma=2.0)
    assert three_parts(config, parts).item() == pytest.approx(2 * 5 + 1.5 * (2 + 3) + 0.3 * 7)


def test_the_objective_gives_the_formula_and_reaches_all_nets(nets: Activity) -> None:
    imu, pose, posed = torch.randn(8, 21, 3), torch.randn(8, 21, 9), torch.ones(8, 21)
    labels = torch.arange(8) % 5
    objective = Objective(nets, ScenarioConfig(alpha=2.0), Augmentation(AugmentConfig(), 50.0, 21, [True] * 3)).eval()
    said = objective(imu, pose, posed, labels)
    r, s = nets.recognizer, nets.simulator
    made = s.simulate(pose)
    expected = (made - r.scaled(imu)).square().mean()
    for m in r.members:
        real, features = m.extractor(r.scaled(imu)), m.extractor(made)
        cosine = (1 - F.cosine_similarity(features, real)).mean()
        cross = F.cross_entropy(m.classifier(real), labels) + F.cross_entropy(m.classifier(features), labels)
        expected = expected + (2.0 * cross + 0.3 * cosine) / 2
    assert said["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    objective.train()
    objective(imu, pose, posed, labels)["loss"].backward()
    for name, p in nets.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_running_statistics_are_those_of_real_windows(nets: Activity) -> None:
    extractor = nets.recognizer.members[0].extractor.train()
    with unremembered(extractor):
        extractor(torch.randn(16, 3, 21) * 100)
    assert all(torch.equal(n.running_mean, torch.zeros(4)) for n in extractor.norms)
    extractor(torch.randn(16, 3, 21))
    assert all(not torch.equal(n.running_mean, torch.zeros(4)) for n in extractor.norms)


def test_a_sensor_worn_otherwise_feels_as_much() -> None:
    turn = rotations(200, math.radians(15), torch.zeros(1, dtype=torch.float64))
    assert torch.allclose(turn @ turn.transpose(1, 2), torch.eye(3).double().expand(200, 3, 3))
    assert torch.allclose(torch.linalg.det(turn), torch.ones(200).double())
    angle = torch.arccos(((turn.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
    assert math.degrees(angle.square().mean().sqrt()) == pytest.approx(15, rel=0.2)
    imu = torch.randn(5, 21, 6)
    changed = Augmentation(AugmentConfig(rotation_deg=40, vigour=0.0), 50.0, 21, [True] * 3 + [False] * 3)(imu)
    assert not torch.allclose(changed, imu)
    for sensor in (slice(0, 3), slice(3, 6)):
        assert torch.allclose(changed[..., sensor].norm(dim=2), imu[..., sensor].norm(dim=2), atol=1e-5)
    # Acceleration and rate are turned by the same rotation: angles between them stay.
    assert torch.allclose((changed[..., :3] * changed[..., 3:]).sum(2), (imu[..., :3] * imu[..., 3:]).sum(2), atol=1e-4)


def test_a_livelier_wearer_feels_more_but_not_of_gravity() -> None:
    augment = Augmentation(AugmentConfig(rotation_deg=0, vigour=0.3), 50.0, 200, [True] * 3 + [False] * 3)
    t = torch.arange(200) / 50.0
    posture = torch.stack([-1 + 0.1 * t, 0.2 * t, torch.ones(200)], 1)  # an arm that slowly turns
    swing = torch.sin(2 * math.pi * 3.0 * t)[:, None] * torch.tensor([1.0, 2.0, 3.0])
    imu = torch.cat([posture + swing, swing], 1).expand(400, 200, 6)
    changed = augment(imu)
    inner = slice(30, 170)  # beyond them the mean stands on samples that are not there
    factor = changed[:, 40, 5] / imu[:, 40, 5]
    assert torch.allclose(changed[:, inner, 3:], imu[:, inner, 3:] * factor[:, None, None], atol=1e-4)
    felt = changed[:, inner, :3] - posture[inner]
    assert torch.allclose(felt, swing[inner] * factor[:, None, None], atol=1e-2)
    assert factor.log().std().item() == pytest.approx(0.3, rel=0.2)


def test_the_slow_part_of_what_stands_still_or_turns_evenly_is_itself() -> None:
    slow = slow_part(60, 20.0).double()
    assert torch.allclose(slow @ torch.ones(60).double(), torch.ones(60).double())
    ramp = torch.arange(60).double()
    assert torch.allclose((slow @ ramp)[10:50], ramp[10:50], atol=1e-4)


def test_macro_f1_weighs_classes_alike_and_clips_vote() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    answers = torch.tensor([[0.9, 0.1]] * 3 + [[0.4, 0.6]] + [[0.8, 0.2], [0.1, 0.9]])
    said = all_figures(answers, labels, torch.tensor([0, 0, 0, 0, 1, 1]), ("rest", "wave"))
    f1 = (2 * 3 / (4 + 4), 2 * 1 / (2 + 2))
    assert said["macro_f1"] == pytest.approx(sum(f1) / 2)
    assert said["accuracy"] == pytest.approx(4 / 6)
    assert said["outputs"]["wave"]["f1"] == pytest.approx(f1[1])
    assert said["confusion"] == [[3, 1], [1, 1]]
    assert said["clips"]["accuracy"] == 1.0  # 0.2 * 0.9 > 0.8 * 0.1
    mixed = all_figures(answers, labels, torch.zeros(6, dtype=torch.int64), ("rest", "wave"))
    assert "clips" not in mixed
