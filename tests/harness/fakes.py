"""Stand-ins for the frameworks: packages with a version of choice that behave as it says.

``fake(folder, "keras==3.15.1")`` lays one out and returns the folder to put on PYTHONPATH.
"""

from pathlib import Path

KERAS_3 = """
import importlib.metadata
import types

VERSION = tuple(int(part) for part in importlib.metadata.version("{distribution}").split(".")[:2])
{api}
utils = types.ModuleType("utils")
utils.set_random_seed = lambda seed: None
layers = types.ModuleType("layers")
layers.Dense = type("Dense", (), dict())
layers.Wrapper = type("Wrapper", (), dict())
losses = types.ModuleType("losses")
losses.Huber = type("Huber", (), dict())
metrics = types.ModuleType("metrics")
ops = types.ModuleType("ops")
ops.convert_to_tensor = lambda value, dtype=None: value
ops.convert_to_numpy = lambda value: value
if VERSION >= (3, 15):
    ops.twice = lambda value: 2 * value
"""

API = '''
backend = types.ModuleType("backend")
backend.clear_session = lambda **options: None


def padding():
    return 0


def side():
    return "last" if (3, 15) <= VERSION else "first"


def keeps(kind):
    return kind == "copy"


def fail(error):
    raise error


def insist(condition):
    """An assert of the framework's own."""
    assert condition, "a framework's invariant"
'''

TENSORFLOW = """
import importlib.metadata
import types

VERSION = tuple(int(part) for part in importlib.metadata.version("{distribution}").split(".")[:2])
random = types.ModuleType("random")
random.set_seed = lambda seed: None
nn = types.ModuleType("nn")
nn.relu = abs
keras = types.ModuleType("keras")
exec({api!r}, keras.__dict__, keras.__dict__) if VERSION < (2, 16) else None


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    return abs
"""

TF_KERAS = "import types\nVERSION = (2, 0)\n{api}"

PACKAGES = {
    "keras": ("keras", KERAS_3),
    "tensorflow": ("tensorflow", TENSORFLOW),
    "tf_keras": ("tf_keras", TF_KERAS),
    "torch": ("torch", ""),
    "jax": ("jax", ""),
}


def fake(folder: Path, requirement: str, body: str = "") -> Path:
    """Lay out ``name==version`` below ``folder``; ``body`` replaces the package's code."""
    name, _, version = requirement.partition("==")
    package, template = PACKAGES[name]
    api = f"import types\nVERSION = (2, 0)\n{API}" if name == "tensorflow" else API
    home = folder / requirement.replace("==", "-")
    (home / package).mkdir(parents=True, exist_ok=True)
    code = body or template.format(distribution=name, api=api)
    (home / package / "__init__.py").write_text(code, encoding="utf-8")
    info = home / f"{name}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    return home
