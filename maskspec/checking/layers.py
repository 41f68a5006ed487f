"""``check_layer``: every check that suits a layer, its results, and one error that lists faults."""

import contextlib
import difflib
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from maskspec.atlas import questions
from maskspec.atlas.asking.saying import HONEST
from maskspec.atlas.aspects import ASPECTS, RAISES, outcome_of
from maskspec.catalogue.addresses import of_claim
from maskspec.checking import snippets
from maskspec.checking.checks import (
    CALLABLE,
    CHECKS,
    ENDS_IT,
    LEAK,
    NO_STEPS,
    PROMISING,
    TABLE,
    TAKING,
    AsIn,
    Check,
)
from maskspec.checking.implementation import is_of_keras, keras_of
from maskspec.checking.inputs import given_for
from maskspec.checking.trial import Given, LayerTrial, Make, OutputTrial, Says, what_it_says

assert questions.MODULES  # they register the aspects

# Of a layer that makes its masks itself, of ids: these need no mask on its input.
MODES = ("out.model", "out.graph", "sizes.", "life.", "dtypes.")  # ways in which layers are used
OF_MAKERS = ("out.", "sizes.", "life.", "results.cut-end")
# What is asked of the first output alone, and so of each further one in its turn.
OF_EACH = (
    "out.fits", "results.cut-end", "results.gradient", "extremes.dead-row",
    "extremes.dead-row-others", "extremes.dead-batch", "extremes.one-row", "extremes.nan",
)  # fmt: skip
DTYPES = "dtypes.mixed_"


class Result(NamedTuple):
    """What one check found. ``acceptable`` are the outcomes that would have passed; ``expected``
    is the reason why it was expected to fail, if it was."""

    check: str
    question: str
    seen: str
    acceptable: Tuple[str, ...]
    passed: bool
    layer: str
    fault: str
    snippet: str
    page: str
    expected: str = ""

    def __str__(self) -> str:
        if self.passed:
            return f"{self.check}: {self.seen}"
        snippet = "\n".join(f"    {line}".rstrip() for line in self.snippet.splitlines())
        return (
            f"{self.check} of {self.layer}\n"
            f"  {self.question}\n"
            f"  seen: {self.seen}\n"
            f"  acceptable: {' or '.join(self.acceptable)}\n"
            f"  {self.fault}\n"
            f"  read: {self.page}\n"
            f"  this shows it without maskspec:\n\n{snippet}\n"
        )


class MaskingError(AssertionError):
    """Some checks failed; ``results`` are those."""

    def __init__(self, message: str, results: List[Result]) -> None:
        super().__init__(message)
        self.results = results


class CannotBuild(TypeError):
    """A layer cannot be built a second time; the message says why, and what to give instead."""


class NotAsked(Exception):
    """The check makes no sense for the layer; the message says why."""


class Layer:
    """Somebody's layer: what it says of itself, and what was seen of it, each thing once."""

    def __init__(self, layer_or_builder: Any, inputs: Any = None) -> None:
        self.given = layer_or_builder
        make, first = _maker(layer_or_builder)
        self._make = make
        self.name = type(first).__name__
        self.keras = keras_of(first)
        self.is_stateful = bool(getattr(first, "stateful", False))
        self.first = first
        with self._set_up():
            self.trial = given_for(first, inputs, lambda given: self._trial(given, make))
        self.says: Says = what_it_says(first)
        self._outcomes: Dict[Tuple[str, Optional[int]], Optional[str]] = {}

    def _trial(self, given: Given, make: Make) -> LayerTrial:
        return LayerTrial(self.keras, self.name, given, make, self.is_stateful)

    @contextlib.contextmanager
    def _set_up(self) -> Iterator[None]:
        """Within this, layers are of float32, and a saved one finds its classes: where they are
        registered is no matter."""
        parts: List[Any] = list(getattr(self.first, "_flatten_layers", list)())
        kinds = [type(part) for part in (self.first, *parts)]
        own = {kind.__name__: kind for kind in kinds if not is_of_keras(kind)}
        with self.keras.utils.custom_object_scope(own), self.keras.policy("float32"):
            yield

    def outcome(self, aspect: str, place: Optional[int] = None) -> Optional[str]:
        """The outcome of an aspect; None where there is nothing to ask.

        With ``place``, it is asked as if the layer returned its output at that place alone.
        """
        key = aspect, place
        if key not in self._outcomes:
            with self._set_up():
                trial = self.trial if place is None else self.of_output(place)
                self._outcomes[key] = self._ask(aspect, trial)
        return self._outcomes[key]

    def of_output(self, place: int) -> LayerTrial:
        """The trial as if the layer returned its output at ``place`` alone."""
        return OutputTrial(self.trial, place) if len(self.trial.paths) > 1 else self.trial

    def found(self, check: Check) -> Tuple[Optional[str], Optional[int]]:
        """The outcome of a check, and the place of the output that it is of if it is one that is
        not acceptable, of a layer with several outputs."""
        acceptable, aspect = self.acceptable(check), check.aspect
        places = range(len(self.trial.paths) if len(self.trial.paths) > 1 else 0)
        outcome = self.outcome(aspect)
        if outcome in acceptable and aspect not in OF_EACH:
            return outcome, None
        for place in places:
            mine = self.outcome(aspect, place)
            if mine is not None and mine not in acceptable:
                return mine, place
        return outcome, None

    def _ask(self, aspect: str, trial: LayerTrial) -> Optional[str]:
        one = ASPECTS[aspect]
        is_for_it = one.applies(trial.subject)
        if trial.makes_masks:
            is_for_it = aspect.startswith(OF_MAKERS) and aspect != "life.saved"
        if not is_for_it:
            return None
        outcome = outcome_of(one, trial)
        if aspect == "says.honest" and outcome in HONEST[1:3]:  # there is no mask
            if not trial.keeps_steps:
                return NO_STEPS
            if self.says.computes:
                return ENDS_IT
        return outcome

    def why_not(self, check: Check) -> str:
        """Why ``check`` is not asked of the layer; "" if it is."""
        if check.whom == TAKING and not self.says.takes_mask:
            return f"{self.name} takes no mask="
        if check.whom == PROMISING and not self.promises:
            return f"{self.name} does not say that it knows of masks"
        failed = self._failed_before(check)
        if failed:
            return f"{failed} failed"
        if check.name == LEAK and self.trial.has_other_steps:
            return "the output has other steps than the input, and no mask says which are valid"
        if self.found(check)[0] is None:
            return "there is nothing to ask of this layer on these inputs here"
        if not self.passes(check) and self._is_so_without_masks(check.aspect):
            return "it is so without masks as well"
        if check.aspect.startswith(DTYPES) and self._has_its_dtype(check.aspect):
            return (
                f"{self.name} comes with its dtype, which no policy changes; give a function that "
                "builds it without dtype="
            )
        return ""

    def _has_its_dtype(self, aspect: str) -> bool:
        """Whether a policy of dtypes is no matter to the layer, as to a copy from its config."""
        policy = aspect[len("dtypes.") :].partition("-")[0]
        with self._set_up(), self.keras.policy(policy):
            layer = self._make()
        dtype = getattr(layer, "compute_dtype", getattr(layer, "_compute_dtype", None))
        return bool(dtype == "float32")

    def _is_so_without_masks(self, aspect: str) -> bool:
        """Whether a fault is none of masking: it is there too where no input carries a mask."""
        outcome = self.outcome(aspect) or ""
        if aspect == "results.cut-end":  # the call that can raise here is one without masks
            return outcome.startswith(RAISES)
        if not aspect.startswith(MODES):
            return False
        feeds = tuple(feed._replace(masked=False) for feed in self.trial.given.feeds)
        bare = self._trial(self.trial.given._replace(feeds=feeds), self._make)
        with self._set_up():
            found = outcome_of(ASPECTS[aspect], bare) or ""
        if found.startswith(RAISES):
            return outcome.startswith(RAISES)
        return found == outcome and not aspect.startswith("dtypes.")  # these tell masks apart

    def _failed_before(self, check: Check) -> str:
        """The first check in ``after``, or in those of one of these, that failed; "" if none."""
        for other in map(CHECKS.__getitem__, check.after):
            failed = self._failed_before(other)
            if failed:
                return failed
            if not self.why_not(other) and not self.passes(other):
                return other.name
        return ""

    @property
    def promises(self) -> bool:
        """Whether the layer says in any way that it knows of masks."""
        return self.says.takes_mask or self.says.flag or self.trial.hands_on

    def acceptable(self, check: Check) -> Tuple[str, ...]:
        if isinstance(check.accepts, AsIn):
            return (self.outcome(check.accepts.aspect) or "",)
        return check.accepts

    def passes(self, check: Check) -> bool:
        return self.found(check)[0] in self.acceptable(check)

    def result(self, check: Check, expected: str = "") -> Result:
        """What ``check`` finds; raise ``NotAsked`` if it is not for this layer."""
        reason = self.why_not(check)
        if reason:
            raise NotAsked(reason)
        outcome, place = self.found(check)
        seen = outcome or ""
        said = self.trial.errors.get(seen[len(RAISES) :]) if seen.startswith(RAISES) else ""
        of = "" if place is None else f", in its output {self.trial.paths[place]}"
        return Result(
            check.name,
            ASPECTS[check.aspect].question,
            f"{seen}: {said}" if said else f"{seen}{of}",
            self.acceptable(check),
            self.passes(check),
            self.name,
            check.fault.format(self.name, self._why_it_leaks()),
            snippets.write(check, self, place or 0),
            of_claim(check.claim),
            expected,
        )

    def _why_it_leaks(self) -> str:
        if self.says.takes_mask:
            return "Its call takes a mask, and does not keep padding out with it."
        return (
            "Its call takes no mask: give it an argument mask=None, and leave out the steps where "
            "the mask is False."
        )


def _maker(layer_or_builder: Any) -> Tuple[Make, Any]:
    """What builds the layer again and again, and a first one."""
    is_layer = hasattr(layer_or_builder, "get_config") and not isinstance(layer_or_builder, type)
    if not is_layer:
        if not callable(layer_or_builder):
            keras_of(layer_or_builder)  # raises, and says what to give
        first = layer_or_builder()
        keras_of(first)  # the same of what it builds
        if layer_or_builder() is first:
            raise CannotBuild(
                f"the function returned the same {type(first).__name__} twice, and a check needs "
                "fresh ones: build the layer inside of it"
            )
        return layer_or_builder, first
    name = type(layer_or_builder).__name__

    def make() -> Any:
        return type(layer_or_builder).from_config(layer_or_builder.get_config())

    try:
        make()
    except Exception as error:
        text = " ".join(str(error).split())
        raise CannotBuild(
            f"a check needs fresh copies of {name}, but from_config(get_config()) raises "
            f"{type(error).__name__}: {text[:200]}; give a function that builds it, "
            f"check_layer(lambda: {name}(...)), or let get_config return every argument"
        ) from None
    return make, layer_or_builder


def chosen(checks: Optional[Iterable[str]]) -> List[Check]:
    """The checks of these names, or all that are asked without being named."""
    if checks is None:
        return [check for check in TABLE if not check.is_extra]
    checks = [checks] if isinstance(checks, str) else list(checks)
    if not checks:
        raise ValueError("checks= names no check; leave it out to ask all of them")
    return [named(name) for name in checks]


def with_reasons(expected_failures: Any) -> Dict[str, str]:
    """``expected_failures=`` as a dict; raise ``ValueError`` if it is none."""
    if not isinstance(expected_failures or {}, Mapping):
        raise ValueError(
            "expected_failures= maps names of checks to reasons, such as "
            f"{{{LEAK!r}: 'a convolution'}}; it is {expected_failures!r}"
        )
    return dict(expected_failures or {})


def named(name: str) -> Check:
    if name not in CHECKS:
        near = difflib.get_close_matches(name, CHECKS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(CHECKS)}"
        raise ValueError(f"there is no check {name!r}; {hint}")
    return CHECKS[name]


def check_layer(
    layer_or_builder: Union[Any, Callable[[], Any]],
    *,
    inputs: Any = None,
    expected_failures: Optional[Mapping[str, str]] = None,
    checks: Optional[Iterable[str]] = None,
    raises: bool = True,
) -> List[Result]:
    """Put every check that suits it to a layer; return the results, or raise what failed.

    Give a function that builds the layer, or a layer, which is copied by its config. ``inputs`` is
    the shape of its input without the batch's axis, such as ``(None, 6)``, a shape and a dtype,
    such as ``((None,), "int32")``, an example array, or a list or dict of these; without it, what
    is usual is tried. ``expected_failures`` maps names of checks to reasons: one that passes all
    the same is an error. ``checks`` are the names of those to ask.

    Raise ``MaskingError``, which lists all that failed, unless ``raises`` is False.
    """
    expected = with_reasons(expected_failures)
    for name in expected:
        named(name)
    wanted = chosen(checks)
    layer = Layer(layer_or_builder, inputs)
    results, reasons = [], {}
    for check in wanted:
        try:
            results.append(layer.result(check, expected.get(check.name, "")))
        except NotAsked as reason:
            reasons[check.name] = str(reason)
    if not results:
        raise NotAsked(f"nothing is asked of {layer.name}: {reasons}")
    if raises:
        _raise_faults(layer, results, expected, reasons)
    return results


def _raise_faults(
    layer: Layer, results: List[Result], expected: Dict[str, str], reasons: Dict[str, str]
) -> None:
    failed = [result for result in results if not result.passed and not result.expected]
    faults = [str(result) for result in failed]
    passed = {result.check for result in results if result.passed}
    for name, reason in expected.items():
        if name in passed:
            faults.append(f"{name} of {layer.name} passes, but was expected to fail: {reason}")
        elif name in reasons:
            faults.append(f"{name} is expected to fail, but not asked: {reasons[name]}")
    if faults:
        listed = "\n\n".join(f"{number}. {fault}" for number, fault in enumerate(faults, 1))
        raise MaskingError(
            f"{layer.name}: {len(faults)} of {len(results)} checks of its masking failed "
            f"({layer.keras.installed})\n\n{listed}",
            failed,
        )


assert set(CALLABLE) <= set(CHECKS)
