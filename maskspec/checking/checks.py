"""The table of checks: an aspect each, and the outcomes that a well-behaved layer may have.

Which checks a layer is asked depends on what it says of itself:

- EVERY: every layer, whatever it says of itself;
- PROMISING: a layer that says that it knows of masks: ``call`` takes one, ``supports_masking`` is
  true (as it is by itself where the class has a ``compute_mask``), or its output carries one;
- TAKING: a layer whose ``call`` has the argument ``mask``.

A layer that says nothing ends the mask, and Keras 3 warns of it: that is allowed. What it may not
do is to need a mask: if values at padded steps change its results elsewhere, it fails
``padding-does-not-leak``, because nothing can keep padding out of its results.

A check is not asked where one of those in ``after`` failed: it would fail for the same reason. Nor
is it where the layer does the same in a mode, under a policy or in a copy whether its inputs carry
masks or not: that may be a fault, but none of masking.
"""

from typing import Dict, NamedTuple, Tuple, Union

from maskspec.atlas.asking.extremes import DEAD, OTHERWISE
from maskspec.atlas.asking.output import MASKS, NONE, OWN
from maskspec.atlas.asking.saying import HONEST
from maskspec.atlas.trial import SAME

EVERY, PROMISING, TAKING = "every layer", "that promises", "that takes mask="
WHOM = (EVERY, PROMISING, TAKING)
NO_STEPS = "the output has no steps"  # HONEST[1] is acceptable then
ENDS_IT = "compute_mask returns None"  # so that the layer says itself that the mask ends
NO_COPIES = "raises NotImplementedError"  # the layer says that it cannot be copied


class AsIn(NamedTuple):
    """The only acceptable outcome is the one that another aspect had."""

    aspect: str


class Check(NamedTuple):
    """An aspect, and its acceptable outcomes for those layers that it is asked of.

    ``fault`` says what an outcome that is not acceptable means, and what to do about it; ``{0}``
    is the name of the layer. ``claim`` is the claim to read about it. A check that ``is_extra``
    is asked only by name: layers of Keras itself fail it.
    """

    name: str
    aspect: str
    whom: str
    accepts: Union[Tuple[str, ...], AsIn]
    after: Tuple[str, ...]
    fault: str
    claim: str
    is_extra: bool = False

    def __str__(self) -> str:
        return self.name


CALLABLE = ("works-without-a-mask", "works-with-a-mask")
LEAK = "padding-does-not-leak"
LEAKS = (LEAK, "padding-at-the-start-does-not-leak", "padding-in-the-middle-does-not-leak")

TABLE = (
    # --- calls ------------------------------------------------------------------------------
    Check(
        "works-without-a-mask", "out.unmasked", EVERY, (OWN, NONE), (),
        "{0} cannot be called on an input that carries no mask. Keras passes mask=None then, to "
        "call and to compute_mask.",
        "propagation.none-is-no-mask-given",
    ),
    Check(
        "works-with-a-mask", "out.mask", EVERY, MASKS, CALLABLE[:1],
        "{0} cannot be called on an input that carries a mask, a boolean array (batch, steps).",
        "shape.boolean",
    ),
    # --- the mask on the way out ------------------------------------------------------------
    Check(
        "mask-fits-the-output", "out.fits", EVERY, ("yes", "there is no mask"), CALLABLE,
        "The output of {0} carries a mask of another shape than its first axes. Let compute_mask "
        "return a mask of the steps that the output has, or None.",
        "custom-layers.new-length-needs-new-mask",
    ),
    Check(
        "mask-is-not-lost", "says.honest", PROMISING, (HONEST[0], HONEST[3], NO_STEPS, ENDS_IT),
        (*CALLABLE, LEAK),
        "{0} takes a mask, and its output still has the steps, but no mask any more. Set "
        "self.supports_masking = True after super().__init__(), or say that the mask ends: let "
        "compute_mask return None.",
        "custom-layers.mask-argument-suffices",
    ),
    # --- modes ------------------------------------------------------------------------------
    Check(
        "first-call-agrees", "life.first-call", PROMISING, (SAME,), CALLABLE,
        "The first call of {0} gives something else than the second one on the same input.",
        "custom-layers.symbolic-mask-readable",
    ),
    Check(
        "functional-model-agrees", "out.model-agrees", PROMISING, (SAME,), CALLABLE,
        "{0} gives something else in a functional model than in an eager call, or cannot be put "
        "into one whose number of steps is not known.",
        "shape.unknown-length",
    ),
    Check(
        "compiled-call-agrees", "out.graph-agrees", PROMISING, (SAME,),
        (*CALLABLE, "functional-model-agrees"),
        "{0} gives something else when it is compiled (tf.function, jax.jit) than in an eager "
        "call, or cannot be compiled. Keep Python's if, bool() and numpy away from masks.",
        "shape.defined-in-a-graph",
    ),
    Check(
        "model-takes-all-sizes", "sizes.functional", PROMISING, (SAME,),
        (*CALLABLE, "functional-model-agrees"),
        "One functional model with {0} cannot be called on batches of several sizes and lengths, "
        "or gives something else on the second one.",
        "shape.unknown-length",
    ),
    Check(
        "compiled-call-takes-all-sizes", "sizes.graph", PROMISING, (SAME,),
        (*CALLABLE, "compiled-call-agrees", "model-takes-all-sizes"),
        "One compiled function with {0} cannot be called on batches of several sizes and lengths, "
        "or gives something else on the second one.",
        "shape.unknown-length-of-mask",
    ),
    Check(
        "second-use-agrees", "life.twice", PROMISING, (SAME,),
        (*CALLABLE, "functional-model-agrees"),
        "A model that calls {0} twice, on inputs with a mask and without, mixes up the two calls. "
        "Keep no mask in an attribute.",
        "propagation.mask-of-the-input-is-passed",
    ),
    # --- padding ----------------------------------------------------------------------------
    Check(
        LEAK, "results.leak", EVERY, ("no",), (*CALLABLE, "mask-fits-the-output"),
        "Padding leaks into valid steps: other values at masked steps change what {0} returns for "
        "the rest. {1}",
        "consumption.mask-decides",
    ),
    Check(
        LEAKS[1], "results.leak-start", PROMISING, ("no",), (*CALLABLE, LEAK),
        "{0} leaves out padding behind a sequence, but not before it: take the mask itself, not "
        "the number of valid steps.",
        "rnn.pre-padding-works",
    ),
    Check(
        LEAKS[2], "results.leak-middle", PROMISING, ("no",), (*CALLABLE, *LEAKS[:2]),
        "{0} leaves out padding around a sequence, but not masked steps inside it.",
        "consumption.each-false-is-ignored",
    ),
    Check(
        "padding-adds-nothing", "results.cut-end", PROMISING, ("yes",),
        (*CALLABLE, *LEAKS, "all-true-changes-nothing", "row-stands-alone",
         "model-takes-all-sizes", "second-use-agrees"),
        "A padded sequence does not give what its valid steps alone give, though the values at the "
        "padded steps do not matter: {0} counts how many there are, as a mean does that divides by "
        "all steps, or takes what it puts there for data, as a maximum does of zeros.",
        "consumption.masked-steps-skipped",
    ),
    Check(
        "all-true-changes-nothing", "results.all-true", PROMISING, ("no",), (*CALLABLE, LEAK),
        "A mask that is True everywhere changes the results of {0}, though it masks nothing.",
        "consumption.only-with-a-mask",
    ),
    Check(
        "mask-argument-counts", "hand.keyword", TAKING, OTHERWISE[:1], CALLABLE,
        "{0} does with mask= something else than with the same mask carried by the input.",
        "explicit-masks.data-shaped-mask",
    ),
    Check(
        "no-gradient-at-padding", "results.gradient", PROMISING, ("no",), (*CALLABLE, *LEAKS),
        "The results of {0} at valid steps send gradients into masked steps of the input, though "
        "the values there do not matter.",
        "masked-steps.no-gradient",
    ),
    # --- extremes ---------------------------------------------------------------------------
    Check(
        "empty-row-gives-no-nan", "extremes.dead-row", PROMISING, DEAD[:2], CALLABLE,
        "A row without a valid step gives NaN or infinity: {0} divides by the number of valid "
        "steps, or takes a softmax of nothing. Divide by at least 1.",
        "consumption.nothing-left",
    ),
    Check(
        "empty-row-changes-no-other", "extremes.dead-row-others", PROMISING, ("no",),
        (*CALLABLE, LEAK),
        "A row without a valid step changes what {0} returns for the other rows.",
        "consumption.nothing-left",
    ),
    Check(
        "empty-batch-gives-no-nan", "extremes.dead-batch", PROMISING, DEAD[:2],
        (*CALLABLE, "empty-row-gives-no-nan"),
        "A batch without a valid step gives NaN or infinity: {0} divides by the number of valid "
        "steps in the batch.",
        "consumption.nothing-left",
    ),
    Check(
        "row-stands-alone", "extremes.one-row", PROMISING, ("yes",),
        (*CALLABLE, "empty-row-changes-no-other"),
        "A row gives something else alone than among other rows: {0} mixes rows, or loses the "
        "axis of a batch of one.",
        "shape.agrees-with-the-batch",
    ),
    # --- dtypes -----------------------------------------------------------------------------
    Check(
        "float16-keeps-the-mask", "dtypes.mixed_float16", PROMISING, AsIn("out.mask"), CALLABLE,
        "Under mixed_float16, {0} raises an error or hands on another mask than in float32. Cast a "
        "mask to the dtype of what it is multiplied with.",
        "propagation.cast-loses-the-mask",
    ),
    Check(
        "bfloat16-keeps-the-mask", "dtypes.mixed_bfloat16", PROMISING, AsIn("out.mask"),
        (*CALLABLE, "float16-keeps-the-mask"),
        "Under mixed_bfloat16, {0} raises an error or hands on another mask than in float32.",
        "propagation.cast-loses-the-mask",
    ),
    Check(
        "float16-does-not-leak", "dtypes.mixed_float16-leak", PROMISING, ("no",),
        (*CALLABLE, LEAK, "float16-keeps-the-mask"),
        "Padding leaks into the results of {0} under mixed_float16, and in float32 it does not.",
        "consumption.half-precision-breaks-on-a-mask",
    ),
    Check(
        "bfloat16-does-not-leak", "dtypes.mixed_bfloat16-leak", PROMISING, ("no",),
        (*CALLABLE, LEAK, "bfloat16-keeps-the-mask", "float16-does-not-leak"),
        "Padding leaks into the results of {0} under mixed_bfloat16, and in float32 it does not.",
        "consumption.half-precision-breaks-on-a-mask",
    ),
    # --- copies -----------------------------------------------------------------------------
    Check(
        "copy-agrees", "life.config", PROMISING, (SAME, NO_COPIES), CALLABLE,
        "A copy of {0} made by from_config(get_config()) gives something else, or cannot be made. "
        "Let get_config return all arguments that the mask depends on.",
        "custom-layers.file-needs-the-class",
    ),
    Check(
        "saved-copy-agrees", "life.saved", PROMISING, (SAME, NO_COPIES),
        (*CALLABLE, "copy-agrees", "functional-model-agrees"),
        "A model with {0} gives something else, or fails, after it was saved and loaded.",
        "custom-layers.file-needs-the-class",
    ),
    # --- asked by name only: Keras's own layers fail these ------------------------------------
    Check(
        "nan-in-padding-stays-there", "extremes.nan", PROMISING, ("no",), (*CALLABLE, *LEAKS),
        "NaN at masked steps reaches the results of {0} at valid steps: 0 times NaN is NaN. Choose "
        "with where instead of multiplying with the mask.",
        "consumption.nan-in-padding-reaches-the-result", is_extra=True,
    ),
    Check(
        "input-keeps-its-mask", "out.input-after", EVERY, ("yes",), CALLABLE,
        "The input carries no mask any more after {0} was called on it.",
        "custom-layers.returned-input-keeps-mask", is_extra=True,
    ),
)  # fmt: skip

CHECKS: Dict[str, Check] = {check.name: check for check in TABLE}
