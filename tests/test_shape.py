"""The shape and type of a mask.

Page: spec/shape.md
"""

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, require
from tests.support.builtin_layers import stack
from tests.support.probes import (
    compose,
    embedding,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)

NESTED_IDS = case("Embedding", "3x6x2", holds=NEVER)
NO_FEATURES = case("Masking", "3x6", holds=NEVER)
NESTED_FEATURES = case("Masking", "3x6x2x4", holds=NEVER)


def generator(keras, layer):
    """A fresh layer that makes a mask."""
    return embedding(keras) if layer == "Embedding" else keras.layers.Masking()


def mask_for(keras, layer, shape):
    """The mask that a mask-generating layer makes for a batch of a shape such as "3x6"."""
    dtype = "int32" if layer == "Embedding" else "float32"
    batch = np.ones([int(size) for size in shape.split("x")], dtype)
    mask = keras.mask_of(generator(keras, layer)(keras.tensor(batch)))
    require(mask is not None, f"{layer} makes a mask for {shape}")
    observe(f"shape {tuple(mask.shape)}")
    return batch, mask


@claim(
    "shape.batch-by-time",
    instead=("shape.embedding-mask-like-ids", "shape.masking-drops-last-axis"),
)
@pytest.mark.parametrize(
    "layer, shape",
    [("Embedding", "3x6"), NESTED_IDS, ("Masking", "3x6x4"), NO_FEATURES, NESTED_FEATURES],
)
def test_mask_is_batch_by_time(keras, layer, shape):
    batch, mask = mask_for(keras, layer, shape)
    assert tuple(mask.shape) == batch.shape[:2]


@claim("shape.same-as-input", instead="shape.masking-drops-last-axis")
@pytest.mark.parametrize(
    "layer, shape",
    [("Embedding", "3x6"), ("Embedding", "3x6x2")]
    + [case("Masking", shape, holds=NEVER) for shape in ("3x6", "3x6x4", "3x6x2x4")],
)
def test_mask_has_the_shape_of_the_input(keras, layer, shape):
    batch, mask = mask_for(keras, layer, shape)
    assert tuple(mask.shape) == batch.shape


@claim("shape.embedding-mask-like-ids")
@pytest.mark.parametrize("shape", ["6", "3x6", "3x6x2", "3x6x2x2"])
def test_embedding_mask_has_the_shape_of_the_ids(keras, shape):
    ids, mask = mask_for(keras, "Embedding", shape)
    assert tuple(mask.shape) == ids.shape


@claim("shape.masking-drops-last-axis")
@pytest.mark.parametrize("shape", ["3x6", "3x6x4", "3x6x2x4"])
def test_masking_mask_drops_the_last_axis(keras, shape):
    features, mask = mask_for(keras, "Masking", shape)
    assert tuple(mask.shape) == features.shape[:-1]


@claim("shape.boolean")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
@pytest.mark.parametrize("mode", ["eager", "symbolic"])
def test_mask_is_boolean(keras, mode, layer):
    ids = layer == "Embedding"
    batch = keras.tensor(padded_ids() if ids else padded_features())
    if mode == "symbolic":
        batch = symbolic_batch(keras, ids=ids)
    mask = keras.mask_of(generator(keras, layer)(batch))
    require(mask is not None, f"{layer} makes a mask")
    assert "bool" in str(mask.dtype)


@claim("shape.is-a-tensor")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
@pytest.mark.parametrize("mode", ["eager", "symbolic"])
def test_mask_is_a_tensor(keras, mode, layer):
    ids = layer == "Embedding"
    eager = keras.tensor(padded_ids() if ids else padded_features())
    batch = eager if mode == "eager" else symbolic_batch(keras, ids=ids)
    require(mode == "eager" or type(batch) is not type(eager), "a symbolic tensor has its own type")
    mask = keras.mask_of(generator(keras, layer)(batch))
    assert isinstance(mask, type(batch)) and "bool" in str(mask.dtype)
    if mode == "eager":
        assert same(keras.numpy(mask), valid_steps())


@claim("shape.agrees-with-the-batch")
@pytest.mark.parametrize("between", ["nothing", "five-layers", "SimpleRNN", "TimeDistributed"])
def test_mask_keeps_the_batch_and_time_axes_of_its_tensor(keras, between):
    steps = embedding(keras)(keras.tensor(padded_ids()))
    for layer in stack(keras, between):
        steps = layer(steps)
    mask = keras.mask_of(steps)
    require(mask is not None, "the layers hand the mask on")
    assert tuple(mask.shape) == tuple(steps.shape)[:2] == (3, 6)


@claim("shape.worked-example")
@pytest.mark.parametrize(
    "tensor, shape", [("embedding-of-array", "3x6x16"), ("simulated-embedding", "3x6x10")]
)
def test_worked_example_shapes(keras, tensor, shape):
    ids = np.array([[7, 6, 3, 0, 0, 0], [4, 8, 2, 5, 9, 0], [1, 8, 1, 6, 2, 9]], "int32")
    if tensor == "embedding-of-array":
        steps = keras.layers.Embedding(5000, 16, mask_zero=True)(ids)
    else:
        tiled = keras.ops.tile(keras.ops.expand_dims(keras.tensor(ids), -1), [1, 1, 10])
        steps = keras.ops.cast(tiled, "float32")
        require(same(keras.numpy(steps)[..., 9], ids), "each feature repeats the id")
    assert "x".join(map(str, steps.shape)) == shape and "float32" in str(steps.dtype)


@claim("shape.unknown-length")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
@pytest.mark.parametrize("mode", ["functional", "sequential", "subclassed"])
def test_length_may_be_unknown(keras, mode, layer):
    ids = layer == "Embedding"
    layers = [generator(keras, layer), keras.layers.SimpleRNN(3)]
    run = compose(keras, mode, layers, ids=ids)
    batch = (padded_ids() if ids else padded_features())[:1]  # 3 valid steps, 3 of padding
    longer = np.concatenate([batch, batch[:, 3:]], axis=1)
    short, middle, long = run(batch[:, :3]), run(batch), run(longer)
    assert same(short, middle) and same(short, long)


@claim("shape.unknown-length-of-mask")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_mask_has_an_unknown_length_too(keras, layer):
    batch = symbolic_batch(keras, ids=layer == "Embedding")
    mask = keras.mask_of(generator(keras, layer)(batch))
    require(mask is not None, f"{layer} makes a mask")
    assert tuple(mask.shape) == (None, None)


@claim("shape.defined-in-a-graph", instead="shape.unknown-length-of-mask")
@pytest.mark.parametrize(
    "defined, timesteps",
    [
        ("axes", "fixed"),
        ("axes", "unknown"),
        ("sizes", "fixed"),
        case("sizes", "unknown", holds=NEVER),
    ],
)
def test_mask_has_a_defined_shape_in_a_graph(keras, defined, timesteps):
    fixed = timesteps == "fixed"
    batch = keras.Input((6, 4), batch_size=3) if fixed else symbolic_batch(keras, ids=False)
    mask = keras.mask_of(keras.layers.Masking()(batch))
    require(mask is not None, "Masking makes a mask")
    shape = tuple(mask.shape)
    observe(f"shape {shape}")
    assert len(shape) == 2 if defined == "axes" else None not in shape


@claim("shape.lengths-example")
@pytest.mark.parametrize("made", ["by-hand", "as-tensor", "by-Masking", "of-symbolic-input"])
def test_lengths_example(keras, made):
    valid = np.arange(10) < np.array([[3], [7], [5], [2]])
    data = np.random.RandomState(2).uniform(0.1, 1, (4, 10, 5)) * valid[..., None]
    masking = keras.layers.Masking(mask_value=0.0)
    if made == "by-hand":
        assert valid.dtype == bool and valid.shape == (4, 10)
        assert not data[~valid].any() and valid.sum(axis=1).tolist() == [3, 7, 5, 2]
    elif made == "as-tensor":
        tensor = keras.ops.convert_to_tensor(valid)
        assert "bool" in str(tensor.dtype) and same(keras.numpy(tensor), valid)
    elif made == "by-Masking":
        assert same(keras.numpy(keras.mask_of(masking(keras.tensor(data)))), valid)
    else:
        steps = masking(keras.Input(shape=(10, 5)))
        assert tuple(steps.shape) == (None, 10, 5)
        assert tuple(keras.mask_of(steps).shape) == (None, 10)
