"""More than one Keras in one program: which there are, and tensors and models of each."""

import inspect
from pathlib import Path

from maskspec import Unavailable

NOT_3_3_0 = {"keras": "<3.3.0 or >=3.3.3", "*": ""}  # there, tensorflow.keras lacks parts
MESSAGE = "'Node' object has no attribute 'output_masks'"


def files(keras):
    """The Python files of the package that the implementation comes in."""
    start = Path(inspect.getsourcefile(keras.Model))
    root = next(folder for folder in start.parents if folder.name in ("keras", "tf_keras"))
    return sorted(root.rglob("*.py"))


def others(keras):
    """What other Keras the same program can import: TensorFlow's own, or the package ``keras``."""
    for name in ("tensorflow.keras", "keras") if keras.backend_name == "tensorflow" else ():
        try:
            package = keras.package(name)
        except Unavailable:
            continue
        if package.layers.Dense is not keras.layers.Dense:
            return [package]
    return []


def other(keras):
    """The other Keras that the same program can import; ``Unavailable`` if there is none."""
    for package in others(keras):
        return package
    raise Unavailable("no other Keras can be imported here")


def beside(keras, implementation):
    """The other Keras, if the installed one is ``implementation``; else ``Unavailable``."""
    if keras.implementation != implementation:
        raise Unavailable(f"this is {keras.implementation}, not {implementation}")
    return other(keras)


def whose_tensors(keras):
    """The Keras whose tensors a layer gets: TensorFlow's, beside the standalone package."""
    return other(keras) if keras.implementation == "standalone" else keras


def tensor_of(package, kind):
    """A symbolic tensor: an input, features with no mask, or such as carry one."""
    if kind in ("input", "unmasked"):
        inputs = package.Input(shape=(6, 4))
        return inputs if kind == "input" else package.layers.Dense(4)(inputs)
    ids = package.Input(shape=(6,), dtype="int32")
    masked = package.layers.Embedding(10, 4, mask_zero=True)(ids)
    return package.layers.Dense(4)(masked) if kind == "mask-forwarded" else masked


def feed(keras, model, batch):
    """The result of ``model`` for a batch; models of the standalone package take no eager call."""
    return model.predict_on_batch(batch) if keras.implementation == "standalone" else model(batch)
