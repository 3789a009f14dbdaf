"""Modules find their parameters, compute, and survive being saved and loaded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course_autograd import Operation, Tensor, backward_of, implements, nn, ops, optim
from course_autograd.errors import CourseError, ShapeError, UndoneExerciseError
from course_autograd.state import StateError, read_npz


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def network(dtype: Any = np.float64) -> nn.Sequential:
    rng = generator()
    return nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=dtype), nn.Tanh(), nn.Linear(4, 2, rng=rng, dtype=dtype)
    )


class Named(nn.Module):
    def __init__(self) -> None:
        rng = generator()
        self.first = nn.Linear(2, 3, rng=rng)
        self.scale = nn.Parameter(1.0)
        self.mean = Tensor([1.0, 2.0])  # no parameter: not trained
        self.many = [nn.Linear(3, 3, rng=rng), (nn.ReLU(), nn.Linear(3, 1, rng=rng))]
        self.heads = {"left": nn.Linear(3, 5, rng=rng)}


def learn_linear_and_tanh() -> None:
    """Register backward rules for what `network` is made of."""

    @backward_of(ops.matmul)
    def matmul_backward(ctx: Any, grad_output: Any) -> Any:
        x, y = ctx
        return grad_output @ y.T, x.T @ grad_output

    @implements(ops.add_bias)
    class add_bias(Operation):
        @staticmethod
        def forward(ctx: Any, x: Any, b: Any) -> Any:
            return x + b

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return grad_output, grad_output.sum(axis=0)

    @backward_of(ops.tanh)
    def tanh_backward(ctx: Any, grad_output: Any) -> Any:
        return (grad_output * (1 - ctx[0] ** 2),)


# --- finding parameters --------------------------------------------------------------------


def test_parameters_are_named_by_their_path_through_attributes_lists_and_dicts() -> None:
    assert list(Named().named_parameters()) == [
        "first.W",
        "first.b",
        "scale",
        "many.0.W",
        "many.0.b",
        "many.1.1.W",
        "many.1.1.b",
        "heads.left.W",
        "heads.left.b",
    ]


def test_a_removed_layer_is_gone() -> None:
    model = Named()
    model.first = None
    model.heads.clear()
    assert next(iter(model.named_parameters())) == "scale"
    assert len(model.parameters()) == 5


def test_tied_parameters_count_once_under_their_first_name() -> None:
    model = nn.Sequential(nn.Linear(3, 3, rng=generator()), nn.Linear(3, 3, rng=generator()))
    model[1].W = model[0].W
    assert list(model.named_parameters()) == ["layers.0.W", "layers.0.b", "layers.1.b"]


def test_modules_that_hold_each_other_do_not_hang() -> None:
    model = Named()
    model.first.owner = model
    assert len(model.parameters()) == 9


def test_two_parameters_of_the_same_name_are_refused() -> None:
    model = nn.Module()
    model.a = {"b": nn.Parameter(1.0)}
    setattr(model, "a.b", nn.Parameter(2.0))
    with pytest.raises(CourseError, match=r"two parameters are called 'a\.b'.*without dots"):
        model.named_parameters()


def test_a_parameter_is_a_tensor_without_further_fields() -> None:
    parameter = nn.Parameter([1, 2], "W")
    assert isinstance(parameter, Tensor)
    assert parameter.name == "W"
    assert parameter.requires_grad
    assert not hasattr(parameter, "__dict__")


def test_a_parameter_never_shares_memory_with_what_it_was_made_from() -> None:
    given = np.ones(3)
    assert not np.shares_memory(nn.Parameter(given).value, given)


def test_zero_grad_forgets_all_gradients() -> None:
    model = Named()
    for parameter in model.parameters():
        parameter.grad = np.ones(parameter.shape)
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_deep_copy_is_independent() -> None:
    model = network()
    twin = copy.deepcopy(model)
    twin[0].W.value[...] = 0.0
    assert list(twin.named_parameters()) == list(model.named_parameters())
    assert np.any(model[0].W.value)


# --- computing -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_linear_is_x_times_w_plus_b_and_keeps_the_dtype(dtype: Any) -> None:
    layer = nn.Linear(3, 4, rng=generator(), dtype=dtype)
    layer.b.value[...] = [1, 2, 3, 4]
    x = generator().normal(size=(5, 3)).astype(dtype)
    y = layer(x)
    assert y.dtype == layer.W.dtype == layer.b.dtype == dtype
    np.testing.assert_allclose(y.value, x @ layer.W.value + np.array([1, 2, 3, 4], dtype))


def test_linear_draws_weights_of_variance_two_over_the_number_of_inputs() -> None:
    layer = nn.Linear(200, 300, rng=generator())
    assert layer.W.value.var() == pytest.approx(2 / 200, rel=0.02)
    assert not layer.b.value.any()


def test_layers_that_share_a_generator_differ_and_a_seed_repeats_them() -> None:
    rng = generator()
    first, second = nn.Linear(3, 3, rng=rng), nn.Linear(3, 3, rng=rng)
    assert not np.array_equal(first.W.value, second.W.value)
    np.testing.assert_array_equal(first.W.value, nn.Linear(3, 3, rng=generator()).W.value)


def test_linear_says_which_shape_it_expects() -> None:
    layer = nn.Linear(3, 4, rng=generator())
    for wrong in (np.ones(3), np.ones((2, 4)), Tensor(1.0)):
        with pytest.raises(ShapeError, match=r"Linear: expected x of shape \(N, 3\).*got shape"):
            layer(wrong)


def test_linear_asks_for_a_generator_and_for_sizes() -> None:
    with pytest.raises(TypeError, match=r"rng to be a generator, got 0\. .*default_rng"):
        nn.Linear(3, 4, rng=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="outputs to be a positive whole number, got 0"):
        nn.Linear(3, 0, rng=generator())
    with pytest.raises(TypeError, match="expected a float dtype, got int64"):
        nn.Linear(3, 4, rng=generator(), dtype=np.int64)


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.Tanh(), np.tanh),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_activations_compute_their_function(layer: nn.Module, function: Any) -> None:
    x = np.linspace(-2, 2, 5)
    np.testing.assert_allclose(layer(Tensor(x)).value, function(x))


def test_sequential_applies_its_layers_from_left_to_right() -> None:
    model = network()
    x = generator().normal(size=(5, 3))
    np.testing.assert_array_equal(model(x).value, model[2](model[1](model[0](x))).value)
    assert len(model) == 3
    assert list(model)[1] is model[1]


def test_sequential_wants_modules_not_classes() -> None:
    with pytest.raises(TypeError, match=r"layer 0 to be a module.*Write ReLU\(\.\.\.\)"):
        nn.Sequential(nn.ReLU)


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Named has no forward method"):
        Named()(1.0)


def test_a_network_uses_the_rules_of_the_exercises() -> None:
    model, x = network(), generator().normal(size=(5, 3))
    with pytest.raises(UndoneExerciseError, match="add_bias"):
        ops.mean_squared_error(model(x), np.zeros((5, 2))).backward()
    learn_linear_and_tanh()
    ops.mean_squared_error(model(x), np.zeros((5, 2))).backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters())


# --- saving and loading --------------------------------------------------------------------


def test_a_saved_model_comes_back_exactly(tmp_path: Path) -> None:
    model, other = network(), network()
    for parameter in other.parameters():
        parameter.value = parameter.value * 0
    path = model.save(tmp_path / "model.npz")
    other.load(path)
    x = generator().normal(size=(5, 3))
    np.testing.assert_array_equal(model(x).value, other(x).value)


def test_scalars_and_float32_keep_their_kind(tmp_path: Path) -> None:
    model = network(np.float32)
    model.scale = nn.Parameter(np.float32(2.5))
    model.save(tmp_path / "m")
    model.load(tmp_path / "m")
    assert model.scale.value == 2.5
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


def test_a_state_shares_no_memory_with_the_model() -> None:
    model = network()
    state = model.state()
    state["layers.0.W"][...] = 99.0
    assert model[0].W.value.max() < 99
    model.load_state(state)
    state["layers.0.W"][...] = 0.0
    assert model[0].W.value.max() == 99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("layers.2.b"), r"'layers\.2\.b' is missing"),
        (lambda s: s.update(extra=np.ones(2)), "'extra' is not expected"),
        (
            lambda s: s.update({"layers.2.b": np.ones(3)}),
            r"'layers\.2\.b' has shape \(3,\), expected \(2,\)",
        ),
        (lambda s: s.update({"layers.2.b": np.array(["a", "b"])}), "expected real numbers"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_loaded(
    change: Any, message: str
) -> None:
    model = network()
    before = model.state()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(StateError, match=message) as caught:
        model.load_state(state)
    assert "Nothing was loaded" in str(caught.value)
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, before[name])


def train(model: nn.Module, optimizer: optim.Optimizer, steps: int) -> None:
    x, y = generator().normal(size=(6, 3)), generator().normal(size=(6, 2))
    for _ in range(steps):
        optimizer.zero_grad()
        ops.mean_squared_error(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize(
    "make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.Adam(p, lr=0.01)]
)
def test_training_goes_on_after_loading_as_if_it_had_never_stopped(
    make: Any, tmp_path: Path
) -> None:
    learn_linear_and_tanh()
    model = network()
    optimizer = make(model.parameters())
    train(model, optimizer, 5)
    model.save(tmp_path / "run.npz", optimizer)
    train(model, optimizer, 5)

    resumed = network()
    second = make(resumed.parameters())
    resumed.load(tmp_path / "run.npz", second)
    assert second.steps == 5
    train(resumed, second, 5)
    for name, array in model.state().items():
        np.testing.assert_array_equal(resumed.state()[name], array)


def test_a_training_state_of_another_optimizer_leaves_model_and_optimizer_alone(
    tmp_path: Path,
) -> None:
    model, other = network(), network()
    model.save(tmp_path / "run.npz", optim.Adam(model.parameters()))
    for parameter in other.parameters():
        parameter.value = parameter.value * 0
    optimizer = optim.SGD(other.parameters(), lr=0.1, momentum=0.5)
    with pytest.raises(StateError, match=r"SGD\.load_state.*'velocity\.0' is missing"):
        other.load(tmp_path / "run.npz", optimizer)
    assert not any(array.any() for array in other.state().values())


def test_a_model_without_training_state_says_so(tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / "model.npz")
    with pytest.raises(StateError, match=r"no training state.*model\.save\(path, optimizer\)"):
        model.load(tmp_path / "model.npz", optim.Adam(model.parameters()))


def test_files_that_are_no_saved_model_get_a_clear_error(tmp_path: Path) -> None:
    model = network()
    before = model.state()
    whole = model.save(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.npz").write_text("not a model")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "bare.npy", np.ones(3))
    np.savez(tmp_path / "pickle.npz", a=np.array([{"a": 1}], dtype=object))
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    for name in ("cut.npz", "text.npz", "empty.npz", "bare.npy", "pickle.npz", "other.npz"):
        with pytest.raises(StateError, match=r"load: .*Load a file that save"):
            model.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        model.load(tmp_path / "nowhere.npz")
    for name, array in model.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_save_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network()
    path = model.save(tmp_path / "model.npz")
    good = path.read_bytes()

    def fail(file: Any, **arrays: Any) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]
    assert "model/layers.0.W" in read_npz(path)
