"""Whole models as subjects: what people build of layers that make, carry and use masks.

To add a model, write what builds it in ``model_builders``, and a line here.
"""

from typing import Any, Callable, List, NamedTuple, Tuple

from maskspec.atlas import model_builders as make

FAMILY = "models"


class Model(NamedTuple):
    """A model that gets padded sequences.

    ``page`` and ``summary`` are its name. ``build`` makes it of the framework. ``inputs`` says what
    it gets: see ``model_batches``; with ``keys``, as a dict. ``has_steps``: its output has the
    steps of the input, and so a loss for each. ``is_stateful``: it keeps the states of its rows
    from batch to batch, and so takes batches of four rows only. ``takes_all_roads``: it stands for
    others in ways to evaluate, to train and to copy that lead to the same; ``runs_compiled``: in
    what takes long, compiled graphs and exported models.
    """

    page: str
    summary: str
    build: Callable[[Any], Any]
    inputs: Tuple[str, ...] = ("tokens",)
    keys: Tuple[str, ...] = ()
    has_steps: bool = True
    is_stateful: bool = False
    takes_all_roads: bool = False
    runs_compiled: bool = False

    @property
    def name(self) -> str:
        return f"{self.public} {self.summary}"

    @property
    def public(self) -> str:
        """The name of its page, and that ``--subject`` takes."""
        return f"{FAMILY}.{self.page}"

    @property
    def family(self) -> str:
        return FAMILY


FLOATS = ("floats",)
SUBJECTS: List[Model] = [
    Model("Sequential", "of Embedding, SimpleRNN, Dense", make.tagger, takes_all_roads=True,
          runs_compiled=True),
    Model("Sequential", "of Embedding, LSTM, Dense", make.lstm),
    Model("Sequential", "of Embedding, LSTM without sequences, Dense", make.classifier,
          has_steps=False),
    Model("Sequential", "of Masking, GRU, Dense", make.masking, FLOATS),
    Model("Sequential", "of Masking with NaN, SimpleRNN, Dense", make.masking_nan, ("NaN",)),
    Model("Sequential", "of Masking with infinity, SimpleRNN, Dense", make.masking_infinity,
          ("infinity",)),
    Model("Sequential", "of Masking with a tensor, SimpleRNN, Dense", make.masking_tensor, FLOATS),
    Model("Sequential", "of StringLookup, Embedding, SimpleRNN, Dense", make.lookup, ("strings",)),
    Model("Sequential", "of Embedding, Bidirectional, TimeDistributed", make.bidirectional),
    Model("Sequential", "of Embedding, Conv1D, SimpleRNN, Dense", make.convolution),
    Model("Sequential", "of Embedding, GlobalAveragePooling1D, Dense", make.pooling,
          has_steps=False, runs_compiled=True),
    Model("Sequential", "of Embedding, stateful SimpleRNN, Dense", make.stateful, is_stateful=True),
    Model("Functional", "with an operator between Embedding and SimpleRNN", make.operator),
    Model("Functional", "with a slice of features between Embedding and SimpleRNN", make.features),
    Model("Functional", "with an operation between Embedding and SimpleRNN", make.operation),
    Model("Functional", "with Lambda between Embedding and SimpleRNN", make.plain_lambda),
    Model("Functional", "with Lambda that takes and returns the mask", make.lambda_with_mask,
          takes_all_roads=True),
    Model("Functional", "of two outputs, one of them masked", make.two_outputs),
    Model("Functional", "of two outputs, both masked", make.two_masked_outputs),
    Model("Functional", "of a dict, one input of it masked", make.of_a_dict,
          ("tokens", "features"), keys=("words", "features"), takes_all_roads=True),
    Model("Functional", "whose mask is an input", make.mask_as_input, ("floats", "mask")),
    Model("Functional", "with shared layers", make.shared, ("tokens", "tokens")),
    Model("Nested", "functional model, then SimpleRNN and Dense", make.nested),
    Model("Nested", "Sequential behind Embedding", make.nested_behind),
    Model("Nested", "TimeDistributed of a model of words, SimpleRNN, Dense", make.documents,
          ("documents",)),
    Model("Subclassed", "of Embedding, SimpleRNN, Dense", make.subclassed, takes_all_roads=True),
    Model("Subclassed", "that hands the mask on", make.subclassed_by_hand),
    Model("Subclassed", "layer without supports_masking between Embedding and SimpleRNN",
          make.own_layer, takes_all_roads=True),
    Model("Subclassed", "registered layer with supports_masking between Embedding and SimpleRNN",
          make.own_supporting_layer),
    Model("Cells", "RNN of an own cell whose output is not the state", make.own_cell),
    Model("Cells", "RNN of stacked cells", make.stacked_cells),
    Model("Attention", "encoder: MultiHeadAttention, Add, LayerNormalization, Dense",
          make.encoder),
    Model("Attention", "encoder and decoder of SimpleRNN, by their states", make.states,
          ("source", "tokens")),
    Model("Attention", "encoder and decoder of SimpleRNN with Attention", make.attention,
          ("source", "tokens")),
]  # fmt: skip
