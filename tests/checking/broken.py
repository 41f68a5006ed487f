"""Layers that are broken on purpose, each in one way, and the check that is meant for it."""

import contextlib
import sys
from typing import NamedTuple

TENSORFLOW, GRAPHS, ALL = ("tensorflow",), ("tensorflow", "jax"), ("tensorflow", "jax", "torch")


class Broken(NamedTuple):
    """``make`` builds the layer; ``check`` has to catch it, and to say ``says``, on ``backends``.

    ``is_extra``: the check is asked only by name.
    """

    make: object
    check: str
    says: str
    backends: tuple = ALL
    is_extra: bool = False


def stop_gradient(keras, x):
    if keras.implementation == "keras":
        return keras.ops.stop_gradient(x)
    import tensorflow as tf

    return tf.stop_gradient(x)


def forget_mask(keras, x):
    """Take the mask off a tensor."""
    if keras.implementation == "keras":
        sys.modules["keras.src.backend.common.masking"].set_keras_mask(x, None)
    else:
        x._keras_mask = None


class Nothing:
    """Stands for an implementation where only the names of its layers are wanted."""

    def __getattr__(self, name):
        return Nothing()

    def __mro_entries__(self, bases):
        return ()


class Memory:
    """An object that Keras does not look into."""


def broken(keras):
    """The broken layers by name, for one implementation."""
    ops, found = keras.ops, {}

    def caught_by(check, says, **more):
        def register(layer):
            found[layer.__name__] = Broken(layer, check, says, **more)
            return layer

        return register

    def weights(x, mask):
        return ops.expand_dims(ops.cast(mask, x.dtype), -1)

    def total(x, mask):
        """The sum over valid steps."""
        return ops.sum(x * weights(x, mask) if mask is not None else x, axis=1)

    def number(x, mask):
        """How many steps are valid, at least one."""
        there = ops.ones_like(x[:, :, :1]) if mask is None else weights(x, mask)
        count = ops.sum(there, axis=1)
        return ops.where(count > 0, count, ops.ones_like(count))

    def mean(x, mask):
        """What a good pooling layer returns."""
        return total(x, mask) / number(x, mask)

    def is_of(x, dtype):
        return dtype in str(x.dtype)

    def running(valid):
        """The running sum over the steps."""
        if keras.implementation == "keras":
            return ops.cumsum(valid, axis=1)
        import tensorflow as tf

        return tf.cumsum(valid, axis=1)

    Layer = keras.layers.Layer

    class Stepwise(Layer):
        """Doubles each step, and hands on the mask: nothing is wrong with it."""

        def __init__(self, **more):
            super().__init__(**more)
            self.supports_masking = True

        def call(self, inputs, mask=None):
            return inputs * 2

    class Mean(Layer):
        """The mean of the valid steps: nothing is wrong with it."""

        def call(self, inputs, mask=None):
            return mean(inputs, mask)

        def compute_mask(self, inputs, mask=None):
            return None

    # --- calls --------------------------------------------------------------------------------

    @caught_by("works-without-a-mask", "mask=None")
    class NeedsAMask(Layer):
        """Takes for granted that there is a mask."""

        def call(self, inputs, mask=None):
            return ops.sum(inputs * ops.expand_dims(ops.cast(mask, inputs.dtype), -1), axis=1)

    @caught_by("works-without-a-mask", "compute_mask")
    class ShiftsNoMask(Stepwise):
        """Computes with the mask in ``compute_mask`` even if there is none."""

        def compute_mask(self, inputs, mask=None):
            return mask[:, :]

    @caught_by("works-with-a-mask", "cannot be called on an input that carries a mask")
    class MultipliesWithoutAnAxis(Stepwise):
        """Multiplies (batch, steps, features) with (batch, steps)."""

        def call(self, inputs, mask=None):
            return inputs if mask is None else inputs * ops.cast(mask, inputs.dtype)

    # --- the mask on the way out --------------------------------------------------------------

    @caught_by("mask-fits-the-output", "another shape")
    class HalvesTheSteps(Stepwise):
        """Keeps every second step, and the whole mask."""

        def call(self, inputs, mask=None):
            return inputs[:, ::2]

    @caught_by("mask-fits-the-output", "another shape")
    class PoolsAndHandsOn(Mean):
        """Has no steps any more, and hands on their mask."""

        def compute_mask(self, inputs, mask=None):
            return mask

    @caught_by("mask-fits-the-output", "another shape")
    class AddsAnAxis(Stepwise):
        """Hands on the mask in the shape in which it multiplies with it."""

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else ops.expand_dims(mask, -1)

    @caught_by("mask-is-not-lost", "supports_masking = True")
    class TakesAndDrops(Layer):
        """Takes the mask, and does not say that it may go on."""

        def call(self, inputs, mask=None):
            return inputs * 2

    @caught_by("mask-is-not-lost", "after super().__init__()")
    class SetsTheFlagTooEarly(TakesAndDrops):
        """Sets the flag before the layer is set up, which lowers it again."""

        def __init__(self, **more):
            with contextlib.suppress(Exception):  # Keras 3 accepts no attributes so early
                self.supports_masking = True
            super().__init__(**more)

    # --- modes --------------------------------------------------------------------------------

    @caught_by("first-call-agrees", "The first call")
    class LearnsInItsFirstCall(Mean):
        """Uses no mask in its first call."""

        def __init__(self, **more):
            super().__init__(**more)
            self.is_new = True

        def call(self, inputs, mask=None):
            used, self.is_new = (None if self.is_new else mask), False
            return mean(inputs, used)

    @caught_by("functional-model-agrees", "number of steps is not known", backends=GRAPHS)
    class CountsInPython(Mean):
        """Walks over the mask in Python, whose number of steps is not known in a model."""

        def call(self, inputs, mask=None):
            if mask is not None:
                steps = [mask[:, i : i + 1] for i in range(int(mask.shape[1]))]
                mask = ops.concatenate(steps, 1)
            return mean(inputs, mask)

    @caught_by("functional-model-agrees", "eager", backends=GRAPHS)
    class AsksNumpy(Mean):
        """Looks at the values of the mask with numpy."""

        def call(self, inputs, mask=None):
            if mask is not None and not keras.numpy(mask).any():
                return total(inputs, mask)
            return mean(inputs, mask)

    @caught_by("compiled-call-agrees", "compiled", backends=GRAPHS)
    class GivesUpInAGraph(Mean):
        """Leaves the mask out where Python cannot see its values."""

        def call(self, inputs, mask=None):
            try:
                has_padding = mask is not None and not bool(ops.all(mask))
            except Exception:
                has_padding = False
            return mean(inputs, mask if has_padding else None)

    @caught_by("model-takes-all-sizes", "several sizes and lengths", backends=GRAPHS)
    class RemembersTheLength(Mean):
        """Accepts only as many steps with a mask as it saw first."""

        def __init__(self, **more):
            super().__init__(**more)
            self.length = None

        def call(self, inputs, mask=None):
            if mask is not None and isinstance(mask.shape[1], int):
                self.length = self.length or inputs.shape[1]
                if self.length != inputs.shape[1]:
                    raise ValueError(f"there have to be {self.length} steps")
            return mean(inputs, mask)

    @caught_by("compiled-call-takes-all-sizes", "several sizes and lengths", backends=TENSORFLOW)
    class TracesTheLength(Mean):
        """Where the length is not known, takes the one that it saw last."""

        def __init__(self, **more):
            super().__init__(**more)
            self.length = None

        def call(self, inputs, mask=None):
            if isinstance(inputs.shape[1], int):
                self.length = inputs.shape[1]
            elif self.length and mask is not None:
                mask = ops.reshape(mask, (-1, self.length))
            return mean(inputs, mask)

    def is_known(tensor):
        """Whether ``tensor`` has values yet."""
        try:
            keras.numpy(tensor)
        except Exception:
            return False
        return True

    @caught_by("second-use-agrees", "no mask in an attribute")
    class KeepsTheMask(Mean):
        """While a model is built, keeps the last mask, for where there is none."""

        def __init__(self, **more):
            super().__init__(**more)
            self.memory = Memory()
            self.memory.mask = None

        def call(self, inputs, mask=None):
            if mask is not None and not is_known(mask):
                self.memory.mask = mask
            return mean(inputs, self.memory.mask if mask is None else mask)

    # --- padding ------------------------------------------------------------------------------

    @caught_by("padding-does-not-leak", "takes no mask")
    class PlainMean(Layer):
        """The mean of all steps, as most people write it first."""

        def call(self, inputs):
            return ops.mean(inputs, axis=1)

    @caught_by("padding-does-not-leak", "takes a mask, and does not keep padding out")
    class IgnoresItsMask(Layer):
        """Takes the mask, and does nothing with it."""

        def call(self, inputs, mask=None):
            return ops.max(inputs, axis=1)

    @caught_by("padding-does-not-leak", "Padding leaks")
    class TakesTrueForPadding(Mean):
        """Reads the mask the wrong way round."""

        def call(self, inputs, mask=None):
            return mean(inputs, mask if mask is None else ops.logical_not(mask))

    @caught_by("padding-does-not-leak", "Padding leaks")
    class WeakBias(Mean):
        """Adds too little to the scores of masked steps."""

        def call(self, inputs, mask=None):
            scores = ops.sum(inputs, axis=2, keepdims=True)
            if mask is not None:
                scores = scores - 5 * (1 - weights(inputs, mask))
            shares = ops.exp(scores)
            return ops.sum(inputs * shares, axis=1) / ops.sum(shares, axis=1)

    @caught_by("padding-does-not-leak", "Padding leaks")
    class MasksItsOutput(Stepwise):
        """Mixes the steps first, and zeroes the masked ones afterwards."""

        def call(self, inputs, mask=None):
            mixed = inputs - ops.mean(inputs, axis=1, keepdims=True)
            return mixed if mask is None else mixed * weights(inputs, mask)

    @caught_by("padding-does-not-leak", "takes no mask")
    class ClaimsToSupport(Layer):
        """Sets the flag, and mixes the steps all the same."""

        def __init__(self, **more):
            super().__init__(**more)
            self.supports_masking = True

        def call(self, inputs):
            return inputs - ops.mean(inputs, axis=1, keepdims=True)

    @caught_by("padding-at-the-start-does-not-leak", "not before it")
    class CountsFromTheStart(Mean):
        """Takes as many steps as are valid, from the first one on."""

        def call(self, inputs, mask=None):
            if mask is None:
                return mean(inputs, None)
            ones = ops.ones_like(inputs[:, :, 0])
            count = ops.sum(ops.cast(mask, inputs.dtype), axis=1, keepdims=True)
            return mean(inputs, running(ones) <= count)

    @caught_by("padding-in-the-middle-does-not-leak", "masked steps inside")
    class FromFirstToLast(Mean):
        """Takes all steps from the first valid one to the last."""

        def call(self, inputs, mask=None):
            if mask is None:
                return mean(inputs, None)
            valid = ops.cast(mask, inputs.dtype)
            begun = running(valid) > 0
            to_come = (ops.sum(valid, axis=1, keepdims=True) - running(valid) + valid) > 0
            return mean(inputs, ops.logical_and(begun, to_come))

    @caught_by("padding-adds-nothing", "counts how many there are")
    class DividesByAllSteps(Mean):
        """Adds up valid steps only, and divides by the number of all."""

        def call(self, inputs, mask=None):
            return total(inputs, mask) / number(inputs, None)

    @caught_by("padding-adds-nothing", "counts how many there are")
    class ZeroesItsScores(Mean):
        """Zeroes the scores of masked steps, which then still get a share each."""

        def call(self, inputs, mask=None):
            scores = ops.sum(inputs, axis=2, keepdims=True)
            values = inputs
            if mask is not None:
                scores, values = scores * weights(inputs, mask), inputs * weights(inputs, mask)
            shares = ops.exp(scores)
            return ops.sum(values * shares, axis=1) / ops.sum(shares, axis=1)

    @caught_by("all-true-changes-nothing", "though it masks nothing")
    class SumsWithAMask(Mean):
        """The mean without a mask, the sum with one."""

        def call(self, inputs, mask=None):
            return mean(inputs, None) if mask is None else total(inputs, mask)

    @caught_by("mask-argument-counts", "carried by the input")
    class TrustsTheCarried(Mean):
        """Uses the mask that its input carries, whatever it is told."""

        def call(self, inputs, mask=None):
            return mean(inputs, keras.mask_of(inputs))

    @caught_by("no-gradient-at-padding", "send gradients into masked steps")
    class StraightThrough(Mean):
        """Sends gradients to every step, whatever its value did."""

        def call(self, inputs, mask=None):
            everything = ops.sum(inputs, axis=1)
            return mean(inputs, mask) + (everything - stop_gradient(keras, everything))

    # --- extremes -----------------------------------------------------------------------------

    @caught_by("empty-row-gives-no-nan", "Divide by at least 1")
    class DividesByNothing(Mean):
        """Divides by the number of valid steps, be it 0."""

        def call(self, inputs, mask=None):
            if mask is None:
                return mean(inputs, None)
            return total(inputs, mask) / ops.sum(weights(inputs, mask), axis=1)

    @caught_by("empty-row-gives-no-nan", "softmax of nothing")
    class SoftmaxOfNothing(Mean):
        """Gives masked steps the score minus infinity, all of them perhaps."""

        def call(self, inputs, mask=None):
            scores = ops.sum(inputs, axis=2, keepdims=True)
            if mask is not None:
                low = ops.zeros_like(scores) - float("inf")
                scores = ops.where(weights(inputs, mask) > 0, scores, low)
            shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
            values = inputs if mask is None else inputs * weights(inputs, mask)
            return ops.sum(values * shares, axis=1) / ops.sum(shares, axis=1)

    @caught_by("empty-row-changes-no-other", "the other rows")
    class AllOrNothing(Mean):
        """Returns zeros for the whole batch as soon as a row is empty."""

        def call(self, inputs, mask=None):
            if mask is None:
                return mean(inputs, None)
            complete = ops.all(ops.any(mask, axis=1))
            return mean(inputs, mask) * ops.cast(complete, inputs.dtype)

    @caught_by("empty-batch-gives-no-nan", "without a valid step")
    class DividesByTheLongest(Mean):
        """Divides the mask by its greatest entry."""

        def call(self, inputs, mask=None):
            if mask is None:
                return mean(inputs, None)
            valid = weights(inputs, mask)
            return mean(inputs, mask) * (ops.max(valid) / ops.max(valid))

    @caught_by("row-stands-alone", "mixes rows")
    class DividesByTheRows(Mean):
        """Divides by the number of rows."""

        def call(self, inputs, mask=None):
            rows = ops.sum(ops.ones_like(inputs[:, :1, :1]))
            return mean(inputs, mask) / rows

    # --- dtypes -------------------------------------------------------------------------------

    @caught_by("float16-keeps-the-mask", "mixed_float16", backends=TENSORFLOW)
    class CastsToFloat32(Mean):
        """Casts the mask to float32, whatever it multiplies with it."""

        def call(self, inputs, mask=None):
            if mask is None:
                return mean(inputs, None)
            summed = ops.sum(inputs * ops.expand_dims(ops.cast(mask, "float32"), -1), axis=1)
            return summed / number(inputs, mask)

    @caught_by("float16-keeps-the-mask", "hands on another mask than in float32")
    class MasksFloat32Only(Stepwise):
        """Hands on a mask for float32 alone."""

        def compute_mask(self, inputs, mask=None):
            return mask if is_of(inputs, "float32") else None

    @caught_by("bfloat16-keeps-the-mask", "mixed_bfloat16")
    class KnowsNoBfloat16(Stepwise):
        """Hands on no mask for bfloat16."""

        def compute_mask(self, inputs, mask=None):
            return None if is_of(inputs, "bfloat16") else mask

    @caught_by("float16-does-not-leak", "under mixed_float16")
    class FastPathWithoutMasks(Mean):
        """Leaves the mask out on its fast path for half precision."""

        def call(self, inputs, mask=None):
            return mean(inputs, mask if is_of(inputs, "float32") else None)

    @caught_by("float16-does-not-leak", "under mixed_float16")
    class SubtractsTheGreatest(Mean):
        """Subtracts the greatest score, be it a masked step's: the others underflow in float16."""

        def call(self, inputs, mask=None):
            scores = 2 * ops.sum(inputs, axis=2, keepdims=True)
            shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
            if mask is not None:
                shares = shares * weights(inputs, mask)
            there = ops.sum(shares, axis=1)
            there = ops.where(there > 0, there, ops.ones_like(there))
            return ops.sum(inputs * shares, axis=1) / there

    @caught_by("bfloat16-does-not-leak", "under mixed_bfloat16")
    class FastPathForBfloat16(Mean):
        """Leaves the mask out on its fast path for bfloat16."""

        def call(self, inputs, mask=None):
            return mean(inputs, None if is_of(inputs, "bfloat16") else mask)

    # --- copies -------------------------------------------------------------------------------

    class Obedient(Mean):
        """Leaves padding out if it is told to: nothing is wrong with it."""

        def __init__(self, leaves_padding_out=False, **more):
            super().__init__(**more)
            self.leaves_padding_out = leaves_padding_out

        def call(self, inputs, mask=None):
            return mean(inputs, mask if self.leaves_padding_out else None)

    class ForgetsAnArgument(Obedient):
        """Does not say in its config whether it leaves padding out."""

        def get_config(self):
            return {"name": self.name}

    class AsksByNumber(Mean):
        """Looks for a number in its config, which has become a text in a file."""

        def __init__(self, axes=None, **more):
            super().__init__(**more)
            self.axes = {} if axes is None else axes

        def call(self, inputs, mask=None):
            return mean(inputs, mask if dict(self.axes).get(1) == "masked" else None)

        def get_config(self):
            return {"name": self.name, "axes": dict(self.axes)}

    found["ForgetsAnArgument"] = Broken(
        lambda: ForgetsAnArgument(True), "copy-agrees", "from_config(get_config())"
    )
    found["AsksByNumber"] = Broken(
        lambda: AsksByNumber({1: "masked"}), "saved-copy-agrees", "saved and loaded"
    )

    # --- further outputs ----------------------------------------------------------------------

    class WithASecond(Stepwise):
        """Returns its steps and, of another making each time, something else."""

        def call(self, inputs, mask=None):
            return inputs * 2, self.second(inputs, mask)

        def compute_mask(self, inputs, mask=None):
            return [mask, None]

    @caught_by("padding-does-not-leak", "Padding leaks")
    class SecondLeaks(WithASecond):
        """Keeps padding out of the first output alone."""

        def second(self, inputs, mask):
            return inputs - ops.mean(inputs, axis=1, keepdims=True)

    @caught_by("padding-does-not-leak", "Padding leaks")
    class NamedSecondLeaks(SecondLeaks):
        """The same with names."""

        def call(self, inputs, mask=None):
            return {"steps": inputs * 2, "state": ops.mean(inputs, axis=1)}

        def compute_mask(self, inputs, mask=None):
            return {"steps": mask, "state": None}

    @caught_by("padding-adds-nothing", "counts how many")
    class SecondDividesByAllSteps(WithASecond):
        """Divides by the number of all steps in its second output."""

        def second(self, inputs, mask):
            return total(inputs, mask) / ops.sum(ops.ones_like(inputs[:, :, :1]), axis=1)

    @caught_by("empty-row-gives-no-nan", "NaN or infinity")
    class SecondDividesByNothing(WithASecond):
        """Divides by the number of valid steps in its second output."""

        def second(self, inputs, mask):
            there = ops.ones_like(inputs[:, :, :1]) if mask is None else weights(inputs, mask)
            return total(inputs, mask) / ops.sum(there, axis=1)

    @caught_by("mask-fits-the-output", "another shape")
    class SecondHasOtherSteps(WithASecond):
        """Drops a step of its second output, and not of the mask."""

        def second(self, inputs, mask):
            return inputs[:, 1:]

        def compute_mask(self, inputs, mask=None):
            return [mask, mask]

    # --- asked by name ------------------------------------------------------------------------

    @caught_by("nan-in-padding-stays-there", "0 times NaN", is_extra=True)
    class MultipliesWithZero(Mean):
        """Multiplies masked steps with 0, as ``GlobalAveragePooling1D`` does."""

    @caught_by("input-keeps-its-mask", "carries no mask any more", is_extra=True,
               backends=("tensorflow", "torch"))  # fmt: skip
    class TakesTheMaskAway(Stepwise):
        """Takes the mask off its input."""

        def call(self, inputs, mask=None):
            forget_mask(keras, inputs)
            return inputs * 2

    return found
