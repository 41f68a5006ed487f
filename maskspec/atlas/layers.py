"""The layers of the public API as subjects; ``excused`` says why the others are none.

To add a layer, add a line: the code that builds it, in the group that takes the same inputs. The
code may use every public layer by its name, ``Sequential``, and ``keras``. The first set-up of a
layer is asked everything; add another one below it, which is asked only what may differ: not about
dtypes, copies, odd masks and arguments.
"""

from typing import Any, List, Tuple

import numpy as np

from maskspec.atlas.batches import Array, Feed
from maskspec.atlas.subject import Subject

FEATURES = (Feed(),)
UNMASKED = (Feed(masked=False),)
IDS = (Feed((), "int32"),)
PADDED_IDS = (Feed((), "int32", masked=False),)
TWO = (Feed(), Feed())
THREE = (Feed(), Feed(), Feed())
ONE_OF_TWO = (Feed(), Feed(masked=False))
NONE_OF_TWO = (Feed(masked=False), Feed(masked=False))
QUERY_VALUE = (Feed(), Feed(steps=7))
QUERY_VALUE_KEY = (Feed(), Feed(steps=7), Feed(steps=7))
QUERY_ALONE = (Feed(), Feed(steps=7, masked=False))
VALUE_ALONE = (Feed(masked=False), Feed(steps=7))
KEY_ALONE = (Feed(masked=False), Feed(steps=7, masked=False), Feed(steps=7))
ROWS_1D = (Feed((5, 2)),)
IMAGES = (Feed((5, 5, 2)),)
VOLUMES = (Feed((3, 3, 3, 2)),)
BARE_ROWS = (Feed((5, 2), masked=False),)
DEEP = (Feed((5, 2), is_deep=True),)
BARE_DEEP_IDS = (Feed((5,), "int32", masked=False),)
EACH = (Feed(is_deep=True),)
TWO_OF_EACH = (Feed(is_deep=True), Feed(is_deep=True))
TWO_DEEP = (Feed((5, 2), is_deep=True), Feed((5, 2), is_deep=True))


def of(feeds: Tuple[Feed, ...], *codes: str, **more: Any) -> List[Subject]:
    return [Subject(code, feeds, **more) for code in codes]


def after_another(*masks: Array) -> Array:
    return np.concatenate(masks, 1)


def widened(mask: Array) -> Array:
    return np.pad(mask, ((0, 0), (1, 1)), "constant")


def narrowed(mask: Array) -> Array:
    return mask[:, 1:-1]


def repeated(mask: Array) -> Array:
    return np.repeat(mask, 2, 1)


_SET_UPS: List[Subject] = [
    # Each step by itself
    *of(
        FEATURES,
        "Activation('tanh')", "ActivityRegularization(0.1)", "AlphaDropout(0.5)", "Dense(3)",
        "Dropout(0.5)", "ELU()", "EinsumDense('abc,cd->abd', (None, 3))", "GaussianDropout(0.5)",
        "GaussianNoise(0.5)", "Identity()", "Lambda(lambda x: x * 2)",
        "Lambda(lambda x: x * 2, mask=lambda x, mask=None: mask)",
        "Lambda(lambda x: x * 2, mask=keras.ops.ones((5, 4), 'bool'))",
        "Lambda(lambda x, mask=None: x if mask is None else x + 1)", "LayerNormalization()",
        "LeakyReLU()", "PReLU(shared_axes=[1])", "RMSNormalization()", "ReLU()", "Rescaling(2.0)",
        "Softmax()", "SpatialDropout1D(0.5)", "ThresholdedReLU()", "UnitNormalization()",
        "Normalization(mean=0.5, variance=2.0)", "SpectralNormalization(Dense(3))",
        "TimeDistributed(Dense(3))", "TernaryDense(3)",
    ),
    # Over the steps
    *of(
        FEATURES,
        "AdaptiveAveragePooling1D(3)", "AdaptiveMaxPooling1D(3)", "AveragePooling1D(2)",
        "BatchNormalization()", "Conv1D(3, 3)", "Conv1D(3, 3, padding='same')",
        "Conv1D(3, 3, padding='causal')", "Conv1D(3, 2, strides=2)", "Conv1DTranspose(3, 2)",
        "DepthwiseConv1D(3, padding='same')", "Flatten()", "GlobalAveragePooling1D()",
        "GlobalAveragePooling1D(keepdims=True)", "GlobalMaxPooling1D()", "GroupNormalization(2)",
        "LayerNormalization(axis=1)", "LocallyConnected1D(3, 3)", "MaxPooling1D(2)",
        "Flatten(data_format='channels_first')", "BatchNormalization(axis=1)",
        "Permute((2, 1))", "Reshape((-1, 2))", "SeparableConv1D(3, 3, padding='same')",
        "Softmax(axis=1)", "SyncBatchNormalization()",
    ),
    *of(FEATURES, "GlobalAveragePooling1D(data_format='channels_first')",
        "GlobalMaxPooling1D(data_format='channels_first')"),
    *of(FEATURES, "BatchNormalization()", "BatchNormalization(axis=1, epsilon=0.1)",
        "BatchNormalization(renorm=True)", "BatchNormalization(synchronized=True)",
        note="training", arguments=(("training", True),), has_state=True),
    *of(FEATURES, "Cropping1D(1)", steps=narrowed),
    *of(FEATURES, "ZeroPadding1D(1)", steps=widened),
    *of(FEATURES, "UpSampling1D(2)", steps=repeated),
    # Recurrent layers
    *of(
        FEATURES,
        "LSTM(3, return_sequences=True)", "LSTM(3)",
        "LSTM(3, return_sequences=True, return_state=True, go_backwards=True)",
        "LSTM(3, return_sequences=True, zero_output_for_mask=True)",
        "LSTM(3, return_sequences=True, recurrent_activation='tanh')",
        "GRU(3, return_sequences=True)", "GRU(3)",
        "GRU(3, return_sequences=True, reset_after=False)",
        "SimpleRNN(3, return_sequences=True)", "SimpleRNN(3)",
        "SimpleRNN(3, return_sequences=True, go_backwards=True)",
        "SimpleRNN(3, return_sequences=True, return_state=True)",
        "SimpleRNN(3, return_sequences=True, unroll=True)", "SimpleRNN(3, unroll=True)",
        "SimpleRNN(3, return_sequences=True, unroll=True, go_backwards=True)",
        "SimpleRNN(3, return_sequences=True, unroll=True, zero_output_for_mask=True)",
        "SimpleRNN(3, unroll=True, zero_output_for_mask=True)",
        "SimpleRNN(3, zero_output_for_mask=True)",
        "LSTM(3, return_sequences=True, return_state=True, unroll=True)",
        "SimpleRNN(3, return_sequences=True, zero_output_for_mask=True)",
        "RNN(LSTMCell(3), return_sequences=True)",
        "RNN(GRUCell(3))",
        "RNN([SimpleRNNCell(3), SimpleRNNCell(2)], return_sequences=True)",
        "Bidirectional(SimpleRNN(3, return_sequences=True))", "Bidirectional(SimpleRNN(3))",
        "Bidirectional(SimpleRNN(3, return_sequences=True), merge_mode='sum')",
        "Bidirectional(SimpleRNN(3, return_sequences=True), merge_mode='mul')",
        "Bidirectional(SimpleRNN(3, return_sequences=True), merge_mode='ave')",
        "Bidirectional(SimpleRNN(3, return_sequences=True), merge_mode=None)",
        "Bidirectional(SimpleRNN(3), merge_mode=None)",
        "Bidirectional(LSTM(3, return_sequences=True, return_state=True))",
    ),
    *of(FEATURES, "SimpleRNN(3, return_sequences=True, stateful=True)",
        "GRU(3, return_sequences=True, stateful=True)",
        "LSTM(3, return_sequences=True, stateful=True)", has_state=True),
    *of(FEATURES,
        "Bidirectional(SimpleRNN(3, return_sequences=True, return_state=True, stateful=True))",
        has_state=True),
    *of(ROWS_1D, "ConvLSTM1D(3, 3, return_sequences=True)", "ConvLSTM1D(3, 3)",
        "ConvLSTM1D(3, 3, return_sequences=True, return_state=True)"),
    *of(IMAGES, "ConvLSTM2D(3, 3, return_sequences=True)", "ConvLSTM2D(3, 3)"),
    *of(VOLUMES, "ConvLSTM3D(3, 2)"),
    # A layer or model for each step
    *of(ROWS_1D, "TimeDistributed(GlobalAveragePooling1D())", "TimeDistributed(SimpleRNN(3))",
        "TimeDistributed(Flatten())"),
    *of(IMAGES, "TimeDistributed(Conv2D(3, 3))"),
    *of(ROWS_1D, "TimeDistributed(Sequential([Dense(3), SimpleRNN(3)]))"),
    # Models as layers
    *of(FEATURES, "Sequential([Dense(3), SimpleRNN(3, return_sequences=True)])",
        "Sequential([SimpleRNN(3, return_sequences=True), Dense(3)])",
        "Pipeline([SimpleRNN(3, return_sequences=True), Dense(3)])"),
    # What makes masks
    *of(UNMASKED, "Masking()", note="on an input without a mask"),
    *of(FEATURES, "Masking()", "Masking(mask_value=0.5)", note="on a masked input"),
    *of(PADDED_IDS, "Embedding(10, 3, mask_zero=True)", note="on an input without a mask"),
    *of(IDS, "Embedding(10, 3, mask_zero=True)", note="on a masked input"),
    *of(IDS, "Embedding(10, 3)"),
    *of(IDS, "ReversibleEmbedding(10, 3)"),
    *of(PADDED_IDS, "ReversibleEmbedding(10, 3, mask_zero=True)",
        note="on an input without a mask"),
    # Inputs of four axes, with a mask of the steps
    *of(ROWS_1D, "Dense(3)", "Dropout(0.5)", "LayerNormalization()", "BatchNormalization()",
        "TimeDistributed(Dense(3))", "TimeDistributed(LSTM(3))", "Flatten()", "Reshape((-1, 10))",
        "Permute((2, 1, 3))", note="of four axes"),
    *of(BARE_ROWS, "Masking()", note="of four axes, without a mask"),
    *of((Feed((5, 2)), Feed((5, 2))), "Add()", "Concatenate()", note="of four axes, all masked"),
    *of(ROWS_1D, "MultiHeadAttention(2, 3, attention_axes=(1,))",
        "MultiHeadAttention(2, 3, attention_axes=(1, 2))", note="of itself, of four axes",
        call="itself, each"),
    # Inputs of four axes, with a mask of three
    *of(DEEP, "Dense(3)", "Dropout(0.5)", "TimeDistributed(Dense(3))",
        "TimeDistributed(SimpleRNN(3))", "TimeDistributed(GlobalAveragePooling1D())",
        "TimeDistributed(Flatten())", "Reshape((-1, 10))", "Masking()", "ConvLSTM1D(3, 3)",
        note="with a mask of three axes"),
    *of(TWO_DEEP, "Add()", "Concatenate()", note="with masks of three axes"),
    *of(EACH, "Softmax()", "Softmax(axis=(1, 2))", "Softmax(axis=1)", "Softmax(axis=(1,))",
        "Softmax(robust_masking=True)", "GroupNormalization(2)", note="with a mask of each number"),
    *of(BARE_DEEP_IDS, "Embedding(10, 3, mask_zero=True)",
        "TimeDistributed(Embedding(10, 3, mask_zero=True))", note="ids of three axes"),
    # Several inputs in a structure of their own
    *of(TWO, "Identity()", "Dropout(0.5)", note="a list of two"),
    *of(TWO, "Identity()", "Lambda(lambda x: x['a'] + x['b'])", note="a dict of two", call="dict"),
    *of(TWO, "Lambda(lambda x: x[0] + x[1])", note="a list of two"),
    *of(ONE_OF_TWO, "Lambda(lambda x: x[0] + x[1])", note="a list of two, one masked"),
    # Ids
    *of(IDS, "CategoryEncoding(num_tokens=10)", "Discretization(bin_boundaries=[2.0, 5.0])",
        "Hashing(num_bins=10)", "IntegerLookup(vocabulary=[1, 2, 3])"),
    *of((Feed(()),), "RepeatVector(3)", note="(batch, features)"),
    # Several inputs
    *of(TWO, "Add()", "Average()", "Concatenate()", "Maximum()", "Minimum()", "Multiply()",
        "Subtract()", note="all masked"),
    *of(ONE_OF_TWO, "Add()", "Average()", "Concatenate()", "Maximum()", "Minimum()", "Multiply()",
        "Subtract()", note="one masked"),
    *of(NONE_OF_TWO, "Add()", "Concatenate()", note="none masked"),
    *of(THREE, "Add()", "Concatenate()", "Maximum()", "Minimum()", "Multiply()",
        note="all three masked"),
    *of(TWO_OF_EACH, "Concatenate()", note="with a mask of each number"),
    *of(TWO, "Concatenate(axis=1)", note="all masked", steps=after_another),
    *of(ONE_OF_TWO, "Concatenate(axis=1)", note="one masked", steps=after_another),
    *of(TWO, "Dot(axes=2)", note="all masked"),
    # Attention
    *of(QUERY_VALUE, "Attention()", "Attention(use_scale=True)", "AdditiveAttention()",
        note="query and value"),
    *of(QUERY_VALUE_KEY, "Attention()", "AdditiveAttention()", note="query, value and key"),
    *of(QUERY_VALUE, "MultiHeadAttention(2, 3)", "GroupQueryAttention(3, 2, 1)",
        "MultiHeadAttention(2, 3, softmax_robust_masking=True)", note="query and value",
        call="each"),
    *of(QUERY_VALUE_KEY, "MultiHeadAttention(2, 3)", note="query, value and key", call="each"),
    *of(QUERY_VALUE_KEY, "GroupQueryAttention(3, 2, 1)", note="query, value and key", call="each"),
    *of(QUERY_ALONE, "MultiHeadAttention(2, 3)", "GroupQueryAttention(3, 2, 1)",
        note="of a masked query", call="each"),
    *of(VALUE_ALONE, "MultiHeadAttention(2, 3)", "GroupQueryAttention(3, 2, 1)",
        note="of a masked value", call="each"),
    *of(KEY_ALONE, "MultiHeadAttention(2, 3)", "GroupQueryAttention(3, 2, 1)",
        note="of a masked key", call="each"),
    *of(QUERY_VALUE, "MultiHeadAttention(2, 3, sliding_window=2)",
        "GroupQueryAttention(3, 2, 1, sliding_window=2)", "MultiHeadAttention(2, 3, use_gate=True)",
        "GroupQueryAttention(3, 2, 1, use_gate=True)", note="query and value", call="each"),
    *of(QUERY_ALONE, "Attention()", "AdditiveAttention()", note="of a masked query"),
    *of(VALUE_ALONE, "Attention()", "AdditiveAttention()", note="of a masked value"),
    *of(FEATURES, "Attention()", "AdditiveAttention()", note="of itself", call="itself"),
    *of(FEATURES, "MultiHeadAttention(2, 3)", "MultiHeadAttention(2, 3, flash_attention=False)",
        "GroupQueryAttention(3, 2, 1)", "GroupQueryAttention(3, 2, 1, sliding_window=2)",
        "MultiHeadAttention(2, 3, sliding_window=2)", note="of itself", call="itself, each"),
]  # fmt: skip


def _is_variant(place: int) -> bool:
    """Whether an earlier set-up of the same layer is asked everything; without masks, none is."""
    masked = [one for one in _SET_UPS[:place] if any(feed.masked for feed in one.feeds)]
    return _SET_UPS[place].layer in {one.layer for one in masked}


SUBJECTS = [
    subject._replace(is_variant=_is_variant(place)) for place, subject in enumerate(_SET_UPS)
]
