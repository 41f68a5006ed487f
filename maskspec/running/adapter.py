"""The one module that imports a framework: one name for what differs only in spelling.

Never put a difference in *behaviour* here: that is what the claims are about.
"""

import contextlib
import gc
import importlib
import inspect
import os
import random
import sys
import tempfile
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from maskspec.catalogue.cells import GPU
from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.running.discovery import Installed
from maskspec.running.judging import Unavailable

SEED = 20250130

# Names of keras.ops, and what TensorFlow calls the same operation.
TENSORFLOW_OPS = {
    "abs": "abs",
    "all": "reduce_all",
    "any": "reduce_any",
    "cast": "cast",
    "concatenate": "concat",
    "convert_to_tensor": "convert_to_tensor",
    "equal": "equal",
    "exp": "exp",
    "expand_dims": "expand_dims",
    "logical_and": "logical_and",
    "logical_not": "logical_not",
    "max": "reduce_max",
    "mean": "reduce_mean",
    "not_equal": "not_equal",
    "ones_like": "ones_like",
    "relu": "nn.relu",
    "reshape": "reshape",
    "shape": "shape",
    "split": "split",
    "squeeze": "squeeze",
    "sum": "reduce_sum",
    "take": "gather",
    "tile": "tile",
    "where": "where",
    "zeros_like": "zeros_like",
}


class Namespace:
    """A module of a framework, in which a name that is not there is ``Unavailable``."""

    def __init__(self, module: Any, path: str) -> None:
        self._module = module
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # left to Python's own protocols, as in copy and pickle
            raise AttributeError(name)
        try:
            found = getattr(self._module, name)
        except AttributeError:
            raise Unavailable(f"there is no {self._path}.{name}") from None
        is_module = type(found).__name__ in ("module", "KerasLazyLoader", "LazyLoader")
        return Namespace(found, f"{self._path}.{name}") if is_module else found


class Draws:
    """Whether TensorFlow has given an operation a seed since ``seeds_given`` was made false.

    Every operation whose kernel draws numbers gets its seed from one private function,
    ``random_seed.get_seed``, be the seed its own or the global one. Where TensorFlow has no such
    private parts, nothing is noted and no kernel is kept.
    """

    def __init__(self) -> None:
        self.seeds_given = True  # nothing is seeded yet
        self._context: Any = None
        try:
            from tensorflow.python.eager import context
            from tensorflow.python.framework import random_seed
        except ImportError:
            return
        self._context = context.context()
        get_seed = random_seed.get_seed

        def noting_it(op_seed: Any) -> Any:
            self.seeds_given = True
            return get_seed(op_seed)

        random_seed.get_seed = noting_it

    @contextlib.contextmanager
    def kernels_kept(self) -> Iterator[None]:
        """Within this, nothing clears the kernels, and the global seed stays what it is."""
        if self._context is None:
            yield
            return
        stubs = {name: lambda *_: None for name in ("clear_kernel_cache", "_set_global_seed")}
        vars(self._context).update(stubs)
        try:
            yield
        finally:
            for name in stubs:
                del vars(self._context)[name]


class Keras(Namespace):
    """One installed implementation. Its attributes are the framework's own (``keras.layers``);
    what is spelled differently from release to release has a method here."""

    def __init__(self, installed: Installed) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # quiet start; read at import
        module = IMPLEMENTATIONS[installed.implementation].module
        super().__init__(_import(module), installed.implementation)
        self.installed = installed
        self.implementation = installed.implementation
        self.backend_name = installed.backend
        self.ops = Namespace(_ops(self._module, installed), "ops")
        self._draws = Draws() if self.backend_name == "tensorflow" else None

    def __repr__(self) -> str:
        return f"<{self.installed}>"

    def package(self, name: str) -> Namespace:
        """The Keras that a program here gets by importing ``name``: ``tensorflow.keras``, say."""
        try:
            return Namespace(_import(name), name)
        except (ImportError, AttributeError):
            raise Unavailable(f"no {name} can be imported beside {self.installed}") from None

    def reset(self) -> None:
        """Forget layer names and graphs, and seed every generator: each case starts alike.

        Both steps also have TensorFlow throw away its kernels, because one that draws numbers
        holds a seed and a count. To make them anew for each case is a third of a run, so they stay
        as long as nothing has asked for such a seed: then TensorFlow's generators stand as seeded.
        """
        if self._draws is None or self._draws.seeds_given:
            self._forget_and_seed()
        else:
            with self._draws.kernels_kept():
                self._forget_and_seed()

    def _forget_and_seed(self) -> None:
        if self.implementation == "keras":
            try:
                self._module.backend.clear_session(free_memory=False)
            except TypeError:  # before Keras 3.1 it takes no argument
                self._module.backend.clear_session()
            self._module.utils.set_random_seed(SEED)
        else:
            import tensorflow as tf

            self._module.backend.clear_session()
            random.seed(SEED)
            np.random.seed(SEED)
            tf.random.set_seed(SEED)
        if self._draws is not None:
            self._draws.seeds_given = False

    def tensor(self, value: Any, dtype: Optional[str] = None) -> Any:
        """``value`` as an eager tensor of the backend."""
        return self.ops.convert_to_tensor(value, dtype=dtype)

    def numpy(self, tensor: Any) -> np.ndarray:
        """An eager tensor (or nest-free value) as a numpy array."""
        if self.implementation == "keras":
            return np.asarray(self._module.ops.convert_to_numpy(tensor))
        return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)

    def ragged_tensor(self, values: np.ndarray, lengths: np.ndarray) -> Any:
        """A ragged tensor of the first steps of each row of ``values``, as many as ``lengths``."""
        if self.backend_name != "tensorflow":
            raise Unavailable(f"there are no ragged tensors on the {self.backend_name} backend")
        import tensorflow as tf

        return tf.RaggedTensor.from_tensor(values, lengths)

    def mask_of(self, tensor: Any) -> Any:
        """The mask that ``tensor`` carries (a tensor), or None if it carries none."""
        if self.implementation == "keras":  # a traced jax array has no attributes, but a table
            masking = sys.modules.get("keras.src.backend.common.masking")
            if masking is not None:
                return masking.get_keras_mask(tensor)
        return getattr(tensor, "_keras_mask", None)

    def carry(self, tensor: Any, mask: np.ndarray) -> Any:
        """``tensor``, made to carry ``mask`` as if a layer had computed it."""
        masking = sys.modules.get("keras.src.backend.common.masking")
        if self.implementation == "keras" and masking is not None:
            masking.set_keras_mask(tensor, self.tensor(mask))
        else:
            tensor._keras_mask = self.tensor(mask)
        return tensor

    def gradient(self, f: Callable[[Any], Any], value: np.ndarray) -> np.ndarray:
        """The gradient of ``f``, from an eager tensor to a scalar tensor, at ``value``."""
        x = self.tensor(value)
        if self.backend_name == "jax":
            import jax

            return np.asarray(jax.grad(f)(x))
        if self.backend_name == "torch":
            import torch

            x = x.detach().clone().requires_grad_(True)
            return self.numpy(torch.autograd.grad(f(x), x)[0])
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            result = f(x)
        return self.numpy(tape.gradient(result, x))

    def weight_gradients(self, loss: Callable[[], Any], variables: Sequence[Any]) -> List[Any]:
        """The gradients of ``loss()``, a scalar, by ``variables``: zeros where there are none."""
        if self.backend_name == "jax":
            import jax

            def value(values: Any) -> Any:
                with self._module.StatelessScope(state_mapping=list(zip(variables, values))):
                    return loss()

            return list(jax.grad(value)([variable.value for variable in variables]))
        if self.backend_name == "torch":
            import torch

            values = [variable.value for variable in variables]
            found = torch.autograd.grad(loss(), values, allow_unused=True)
            return [torch.zeros_like(v) if g is None else g for v, g in zip(values, found)]
        import tensorflow as tf

        with tf.GradientTape() as tape:
            result = loss()
        gradients = tape.gradient(
            result, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return [tf.convert_to_tensor(one) for one in gradients]

    def cudnn_takes(self, mask: np.ndarray) -> bool:
        """Whether the framework, given a GPU, would hand this mask to its cuDNN kernel for LSTM.

        Asks the private gate in front of the kernel, which needs no GPU itself:
        ``is_sequence_right_padded`` or, later, ``is_cudnn_supported_inputs`` beside the LSTM of
        tf.keras and tf_keras (``recurrent_v2.py``, since 2.9 ``rnn/gru_lstm_utils.py``), and
        ``_assert_valid_mask`` in ``keras/src/backend/tensorflow/rnn.py`` since Keras 3.2, where
        an error sends the layer to the standard kernel. Others never ask: ``Unavailable``.
        """
        if self.implementation == "keras":
            module = sys.modules.get(f"keras.src.backend.{self.backend_name}.rnn")
            gate = getattr(module, "_assert_valid_mask", None)
            if gate is None or self.backend_name != "tensorflow":
                raise Unavailable(f"{self.installed} asks no mask whether cuDNN can take it")
            import tensorflow as tf

            try:
                gate(self.tensor(mask))
            except tf.errors.InvalidArgumentError:
                return False
            return True
        beside = sys.modules[self.layers.LSTM.__module__]
        beside = getattr(beside, "gru_lstm_utils", beside)
        gate = getattr(beside, "is_cudnn_supported_inputs", None)
        gate = gate or beside.is_sequence_right_padded
        arguments = [self.tensor(mask), False, None]  # mask, time_major, sequence_lengths
        return bool(self.numpy(gate(*arguments[: len(inspect.signature(gate).parameters)])))

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """``f`` compiled by the backend into a graph, as ``tf.function`` does."""
        if self.backend_name != "tensorflow":
            raise Unavailable(f"there is no tf.function on the {self.backend_name} backend")
        import tensorflow as tf

        compiled: Callable[..., Any] = tf.function(f)
        return compiled

    def reset_states(self, layer: Any) -> None:
        """Forget the states that a stateful ``layer`` keeps; the method lost its s in Keras 3."""
        if getattr(layer, "stateful", False):
            name = "reset_state" if hasattr(layer, "reset_state") else "reset_states"
            getattr(layer, name)()

    def public_names(self) -> List[str]:
        """The names of all public layers, those in ``experimental`` included, losses and metrics.

        A layer's stands alone (``LSTM``, ``experimental.RandomFourierFeatures``), a loss's or a
        metric's, class or function, with its module (``losses.Huber``).
        """
        found: List[str] = []
        folders = ("experimental", "preprocessing")

        def walk(module: Any, path: str) -> None:
            for name in dir(module):
                value = None if name.startswith("_") else getattr(module, name)
                if inspect.isclass(value):
                    found.append(path + name)
                elif name in folders and value is not None:
                    walk(value, f"{path}{name}.")

        walk(self._module.layers, "")
        for module in ("losses", "metrics"):
            for name, value in vars(getattr(self._module, module)).items():
                is_asked = inspect.isclass(value) or inspect.isfunction(value)
                if is_asked and not name.startswith("_"):
                    found.append(f"{module}.{name}")
        return sorted(found)

    @property
    def file_ending(self) -> str:
        """That of a file that a whole model is saved in: ``.keras``, or ``.h5`` before TF 2.12."""
        has_it = self.implementation in ("keras", "tf_keras")
        if self.implementation == "tf.keras":
            has_it = tuple(map(int, self.installed.version.split(".")[:2])) >= (2, 12)
        return ".keras" if has_it else ".h5"

    def dataset(self, data: Any) -> Any:
        """A ``tf.data.Dataset`` of the rows of ``data``, nested arrays."""
        if self.backend_name != "tensorflow":
            raise Unavailable(f"tf.data is asked on TensorFlow, not on {self.backend_name}")
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(data)

    def exported(self, model: Any, folder: str) -> Callable[..., Any]:
        """What ``model.export(folder)`` wrote there, loaded by TensorFlow: its ``serve``."""
        if self.backend_name != "tensorflow" or not hasattr(model, "export"):
            raise Unavailable(f"{self.installed} exports no model that TensorFlow loads")
        import tensorflow as tf

        model.export(folder)
        loaded = tf.saved_model.load(folder)

        def serve(inputs: Any) -> Any:
            assert loaded  # which owns the variables
            return loaded.serve(inputs)

        return serve

    def lite(self, model: Any, value: np.ndarray) -> np.ndarray:
        """What TensorFlow Lite returns for ``value`` that runs the converted ``model``."""
        if self.backend_name != "tensorflow":
            raise Unavailable(
                f"TensorFlow Lite converts no model of the {self.backend_name} backend"
            )
        import tensorflow as tf

        with tempfile.TemporaryDirectory() as folder:
            if self.implementation == "keras":  # TensorFlow 2.16 ends the process on such a model
                model.export(folder)
                converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            else:
                converter = tf.lite.TFLiteConverter.from_keras_model(model)
            run = tf.lite.Interpreter(model_content=converter.convert())
        place = run.get_input_details()[0]["index"]
        run.resize_tensor_input(place, value.shape)
        run.allocate_tensors()
        run.set_tensor(place, value)
        run.invoke()
        found: np.ndarray = run.get_tensor(run.get_output_details()[0]["index"])
        return found

    @contextlib.contextmanager
    def policy(self, name: str) -> Iterator[None]:
        """Within this, new layers have the policy of dtypes ``name``, ``mixed_float16`` say."""
        get, set_to = self._get_and_set_policy()
        before = get()
        set_to(name)
        try:
            yield
        finally:
            set_to(before)

    def _get_and_set_policy(self) -> Tuple[Callable[[], Any], Callable[[Any], None]]:
        """What reads and sets the global policy; where it stands differs from release to release.

        In Keras 3 ``keras.config``, in 3.0.0 ``mixed_precision`` alone; there since TF 2.4, before
        that in ``mixed_precision.experimental``, under other names.
        """
        if self.implementation == "keras":
            try:
                return self.config.dtype_policy, self.config.set_dtype_policy
            except Unavailable:
                module = self.mixed_precision
                return module.dtype_policy, module.set_dtype_policy
        module = self.mixed_precision
        try:
            return module.global_policy, module.set_global_policy
        except Unavailable:
            return module.experimental.global_policy, module.experimental.set_policy

    def graph(self, f: Callable[..., Any], inputs: Sequence[Tuple[Any, str]]) -> Callable[..., Any]:
        """``f`` compiled by the backend for tensors of such shapes and dtypes.

        A size may be None: TensorFlow then traces one graph for all sizes, JAX one for each.
        """
        if self.backend_name == "jax":
            import jax

            jitted: Callable[..., Any] = jax.jit(f)
            return jitted
        if self.backend_name != "tensorflow":
            raise Unavailable(f"nothing is traced into a graph on the {self.backend_name} backend")
        import tensorflow as tf

        signature = [tf.TensorSpec(shape, dtype) for shape, dtype in inputs]
        # AutoGraph would rewrite the caller's functions; Keras rewrites its layers itself
        traced: Callable[..., Any] = tf.function(f, input_signature=signature, autograph=False)
        return traced


_loaded: Dict[Installed, Keras] = {}


def load(installed: Installed) -> Keras:
    """Import ``installed`` once for each process.

    Raise ``RuntimeError`` if its cell is one of a GPU, and the framework sees none.
    """
    if installed not in _loaded:
        _loaded[installed] = Keras(installed)
        if installed.cell.endswith(GPU) and not _sees_gpu(installed.backend):
            raise RuntimeError(
                f"{installed.backend} sees no GPU, which {installed.cell} runs on; install its "
                "packages for GPUs, or name the cell without -gpu"
            )
        gc.freeze()  # a framework is a million objects: spare each collection from walking them
    return _loaded[installed]


def _sees_gpu(backend: str) -> bool:
    if backend == "jax":
        import jax

        return any(device.platform == "gpu" for device in jax.devices())
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _import(name: str) -> Any:
    # TensorFlow 2.2 has tensorflow.keras as an attribute only.
    package, _, rest = name.partition(".")
    module = importlib.import_module(package)
    return getattr(module, rest) if rest else module


def _ops(module: Any, installed: Installed) -> Any:
    if installed.implementation == "keras":
        return module.ops
    import tensorflow as tf

    class Ops:
        pass

    for name, path in TENSORFLOW_OPS.items():
        found: Any = tf
        for part in path.split("."):
            found = getattr(found, part)
        setattr(Ops, name, staticmethod(found))
    return Ops
