"""The shape and type of a mask.

Page: spec/shape.md
"""

import re
from itertools import product

import numpy as np
import pytest

from maskspec import NEVER, case, claim, observe, require
from tests.support.builtin_layers import stack
from tests.support.consumers import attempt
from tests.support.layers import time_changer
from tests.support.probes import (
    compose,
    embedding,
    padded_features,
    padded_ids,
    same,
    symbolic_batch,
    valid_steps,
)
from tests.support.releases import HAS_MULTI_HEAD, MULTI_HEAD_USES_MASKS, ON_TENSORFLOW
from tests.support.sizes import functional_model, odd_sizes, padded_batches


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


@claim("shape.batch-by-time")
@pytest.mark.parametrize("layer, shape", [("Embedding", "3x6"), ("Masking", "3x6x4")])
def test_mask_is_batch_by_time(keras, layer, shape):
    _, mask = mask_for(keras, layer, shape)
    assert tuple(mask.shape) == (3, 6)


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


@claim("shape.agrees-with-the-batch", instead="custom-layers.new-length-needs-new-mask")
@pytest.mark.parametrize(
    "between",
    ["nothing", "five-layers", "SimpleRNN", "TimeDistributed", case("own-crop", holds=NEVER)],
)
def test_mask_keeps_the_batch_and_time_axes_of_its_tensor(keras, between):
    own = [time_changer(keras, "crop", masked=False)]
    steps = embedding(keras)(keras.tensor(padded_ids()))
    for layer in own if between == "own-crop" else stack(keras, between):
        steps = layer(steps)
    mask = keras.mask_of(steps)
    require(mask is not None, "the layers hand the mask on")
    observe(f"mask {tuple(mask.shape)}, steps {tuple(steps.shape)[:2]}")
    assert tuple(mask.shape) == tuple(steps.shape)[:2]


@claim("shape.worked-example")
@pytest.mark.parametrize(
    "tensor, shape",
    [
        ("embedding-of-array", "3x6x16"),
        case("simulated-by-tf", "3x6x10", exists=ON_TENSORFLOW),
        ("simulated-by-keras.ops", "3x6x10"),
    ],
)
def test_worked_example_shapes(keras, tensor, shape):
    ids = np.array([[7, 6, 3, 0, 0, 0], [4, 8, 2, 5, 9, 0], [1, 8, 1, 6, 2, 9]], "int32")
    if tensor == "embedding-of-array":
        steps = keras.layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)(ids)
    else:
        ops = keras.package("tensorflow") if tensor == "simulated-by-tf" else keras.ops
        steps = ops.cast(ops.tile(ops.expand_dims(ids, axis=-1), [1, 1, 10]), "float32")
        require(same(keras.numpy(steps)[..., 9], ids), "each feature repeats the id")
        mask = keras.mask_of(keras.layers.Masking()(steps))
        require(same(keras.numpy(mask), ids != 0), "Masking masks the padding")
    assert "x".join(map(str, steps.shape)) == shape and "float32" in str(steps.dtype)


@claim("shape.unknown-length")
@pytest.mark.parametrize(
    "mode, layer",
    [
        *product(["functional", "sequential", "subclassed"], ["Embedding", "Masking"]),
        *product(["functional-predict", "sequential-predict"], ["Embedding"]),
    ],
)
def test_length_may_be_unknown(keras, mode, layer):
    layers = [generator(keras, layer), keras.layers.SimpleRNN(3)]
    if mode.endswith("predict"):
        made = functional_model(keras, layers)
        model = made if mode == "functional-predict" else keras.Sequential(layers)
        unmasked = compose(keras, "eager", [embedding(keras, mask_zero=False), layers[1]])
        require(odd_sizes(unmasked, padded_batches()), "without a mask the padding shows")
        assert not odd_sizes(model.predict_on_batch, padded_batches())
        return
    ids = layer == "Embedding"
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


@claim("shape.defined-in-a-graph", holds=NEVER, instead="shape.unknown-length-of-mask")
@pytest.mark.parametrize("layer", ["Embedding", "Masking"])
def test_mask_needs_a_defined_shape_in_a_graph(keras, layer):
    batch = symbolic_batch(keras, ids=layer == "Embedding")
    steps = generator(keras, layer)(batch)
    require(keras.mask_of(steps) is not None, f"{layer} makes a mask")
    shape = tuple(keras.mask_of(steps).shape)
    require(keras.Model(batch, keras.layers.SimpleRNN(3)(steps)), "the graph builds")
    assert None not in shape, f"a mask of shape {shape} will do"


@claim("shape.attention-over-four-axes", exists=HAS_MULTI_HEAD, holds=MULTI_HEAD_USES_MASKS)
@pytest.mark.parametrize("axes", ["all", "first"])
def test_attention_over_four_axes_raises_on_a_mask(keras, axes):
    x = np.random.RandomState(3).uniform(0.1, 1, (2, 3, 4, 5)).astype("float32")
    x[0, :, 2:] = 0
    attention = keras.layers.MultiHeadAttention(1, 2, attention_axes=None if axes == "all" else 1)
    steps, bare = keras.layers.Masking()(keras.tensor(x)), keras.tensor(x)
    require(keras.mask_of(steps) is not None, "Masking makes a mask")
    unmasked = keras.numpy(attention(bare, bare))
    result, error = attempt(attention, steps, steps)
    if error is None:
        require(same(keras.numpy(result), unmasked), "the result is that without a mask")
    assert error is not None, "the mask has no effect"
    assert re.search("(?i)broadcast|incompatible shapes|size of tensor", str(error))


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
        require(keras.mask_of(steps) is not None, "Masking makes a mask")
        assert tuple(steps.shape) == (None, 10, 5)
        assert tuple(keras.mask_of(steps).shape) == (None, 10)
