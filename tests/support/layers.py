"""Custom layers that several tests use, each made for the implementation that it is given."""

from types import SimpleNamespace

import numpy as np

from maskspec import Parameter, Unavailable
from tests.support.probes import compose, embedding, padded_ids, same
from tests.support.releases import KERAS_3, ON_TENSORFLOW

# What the layers of the guide are written with: the functions of TensorFlow, as in the guide, or,
# for any backend of Keras 3, those of keras.ops.
WITH_TF = Parameter("tf", exists=ON_TENSORFLOW)
WITH_KERAS_OPS = Parameter("keras.ops", exists=KERAS_3)
WRITTEN_WITH = (WITH_TF, WITH_KERAS_OPS)
NO_MASK = -np.ones((3, 6))  # what a mask_reader shows where no mask arrives


def functions(keras, written_with):
    """The functions that a layer is written with, under the names that ``keras.ops`` gives them."""
    if written_with == "keras.ops":
        if keras.implementation != "keras":
            raise Unavailable("there is no keras.ops")
        return keras.ops
    if keras.backend_name != "tensorflow":
        raise Unavailable(f"the functions of TensorFlow take no tensors of {keras.backend_name}")
    tf = keras.package("tensorflow")

    def take(table, ids, axis):
        return tf.nn.embedding_lookup(table, ids)

    names = ("cast", "exp", "expand_dims", "not_equal", "split")
    named_alike = {name: getattr(tf, name) for name in names}
    return SimpleNamespace(take=take, relu=tf.nn.relu, sum=tf.reduce_sum, **named_alike)


def custom_layer(keras, kind="computes"):
    """A custom layer of the plainest kind; ``kind`` says what its ``call`` does."""

    class Computes(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    class TakesAMask(keras.layers.Layer):
        def call(self, inputs, mask=None):
            return inputs * 2.0

    class ReturnsItsInput(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    def double(inputs):
        return inputs * 2.0

    kinds = {
        "computes": Computes,
        "takes-a-mask": TakesAMask,
        "returns-its-input": ReturnsItsInput,
        "lambda": lambda: keras.layers.Lambda(double),
    }
    return kinds[kind]()


def flagged_layer(keras, where):
    """A layer that sets ``supports_masking`` before its parent's ``__init__`` or in the class."""

    class BeforeInit(keras.layers.Layer):
        def __init__(self):
            self.supports_masking = True
            super().__init__()

        def call(self, inputs):
            return inputs * 2.0

    class InTheClass(keras.layers.Layer):
        supports_masking = True

        def call(self, inputs):
            return inputs * 2.0

    return {"before-init": BeforeInit, "in-the-class": InTheClass}[where]()


def my_activation(keras, ops=None):
    """A ReLU that opts in to forwarding the mask, written with ``ops``."""

    class MyActivation(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            return (ops or keras.ops).relu(inputs)

    return MyActivation()


def masked_by(keras, new_mask):
    """A layer that doubles its input and whose ``compute_mask`` is ``new_mask``; sets no flag."""

    class MaskedBy(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

        def compute_mask(self, inputs, mask=None):
            return new_mask(inputs, mask)

    return MaskedBy()


def changed(keras, kind, steps):
    """``steps``, features or a mask, with another time axis (axis 1)."""
    if kind == "crop":
        return steps[:, 1:]
    if kind == "halve":
        return steps[:, 1::2]
    if kind == "rotate":
        return keras.ops.concatenate([steps[:, -1:], steps[:, :-1]], axis=1)
    return keras.ops.concatenate([steps, steps], axis=1)  # double


def time_changer(keras, kind, *, masked=True):
    """A layer that changes the time axis, and the mask alike if ``masked``, else forwards it."""

    class Forwards(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            return changed(keras, kind, inputs)

    class Changes(Forwards):
        def compute_mask(self, inputs, mask=None):
            return changed(keras, kind, mask)

    return Changes() if masked else Forwards()


def temporal_split(keras, ops):
    """Two halves of the input along time; each takes its half of the mask along."""

    class TemporalSplit(keras.layers.Layer):
        def halves(self, steps):
            return ops.split(steps, 2, axis=1)

        def call(self, steps):
            return self.halves(steps)

        def compute_mask(self, steps, mask=None):
            return None if mask is None else self.halves(mask)

    return TemporalSplit()


def custom_embedding(keras, ops, *, mask_zero=True, size=4, casts=False):
    """A table for the ids 0..9 that makes its own mask, if wanted, from the ids."""

    class CustomEmbedding(keras.layers.Layer):
        def build(self, input_shape):
            self.table = self.add_weight(
                shape=(10, size), initializer="random_normal", dtype="float32"
            )

        def call(self, ids):
            return ops.take(self.table, ops.cast(ids, "int32") if casts else ids, axis=0)

        def compute_mask(self, ids, mask=None):
            return ops.not_equal(ids, 0) if mask_zero else None

    return CustomEmbedding()


def temporal_softmax(keras, ops):
    """Exponentials over time, divided by the sum of the inputs: the guide's layer and its fault."""

    class TemporalSoftmax(keras.layers.Layer):
        def call(self, inputs, mask=None):
            weights = ops.expand_dims(ops.cast(mask, "float32"), -1)
            exponentials = ops.exp(inputs) * weights
            return exponentials / ops.sum(inputs * weights, axis=1, keepdims=True)

    return TemporalSoftmax()


def mended_softmax(keras):
    """A softmax over the valid timesteps, or over all of them where there is no mask."""

    class MendedSoftmax(keras.layers.Layer):
        def call(self, inputs, mask=None):
            if mask is None:
                mask = keras.ops.ones_like(inputs[..., 0])
            weights = keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
            exponentials = keras.ops.exp(inputs) * weights
            return exponentials / keras.ops.sum(exponentials, axis=1, keepdims=True)

    return MendedSoftmax()


def mask_reader(keras, signature="mask=None"):
    """A consumer whose output is the mask that it gets, as 0 and 1, or -1 if it gets none."""

    def shown(x, mask):
        if mask is None:
            return keras.ops.zeros_like(x[..., 0]) - 1.0
        return keras.ops.cast(mask, "float32")

    class Plain(keras.layers.Layer):
        def call(self, x, mask=None):
            return shown(x, mask)

    class KeywordOnly(keras.layers.Layer):
        def call(self, x, *, mask=None):
            return shown(x, mask)

    class AnyKeyword(keras.layers.Layer):
        def call(self, x, **options):
            return shown(x, options.get("mask"))

    class TwoTensors(keras.layers.Layer):
        def call(self, x, other, mask=None):
            return shown(x, mask)

    class MaskByName(keras.layers.Layer):
        def call(self, x, other, x_mask=None):
            return shown(x, x_mask)

    signatures = {
        "mask=None": Plain,
        "keyword-only": KeywordOnly,
        "any-keyword": AnyKeyword,
        "two-tensors": TwoTensors,
        "mask-by-name": MaskByName,
    }
    return signatures[signature]()


def arriving(keras, mode, *layers):
    """The mask that arrives behind an embedding and ``layers``: 0 and 1, or -1 for none."""
    return compose(keras, mode, [embedding(keras), *layers, mask_reader(keras)])(padded_ids())


def follows_the_ids(keras, mode, *layers):
    """Whether the mask of the ids arrives behind an embedding and ``layers``, batch after batch.

    The batches differ in size and in length; all go through the same model.
    """
    run = compose(keras, mode, [embedding(keras), *layers, mask_reader(keras)])
    batches = [padded_ids(), padded_ids()[:2, :5], padded_ids()]
    return all(same(run(batch), batch != 0) for batch in batches)


def arriving_at(keras, mode, signature, *, mask_zero=True):
    """The mask that a consumer with this ``signature`` gets right behind an embedding."""
    reader = mask_reader(keras, signature)

    def with_another_tensor(x):
        return reader(x, x * 1.0)

    last = with_another_tensor if signature in ("two-tensors", "mask-by-name") else reader
    return compose(keras, mode, [embedding(keras, mask_zero=mask_zero), last])(padded_ids())


def failure(run, *arguments):
    """Type and message of the exception that a call raises, or an empty text."""
    try:
        run(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
