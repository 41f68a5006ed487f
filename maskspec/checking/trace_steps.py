"""Which steps of each tensor are valid, what became of the mask in each call, where leaks begin."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from maskspec.checking.trace_watching import MODEL, OPERATION, OWN, Array, Call, Seen

NOTHING, MADE, HANDED_ON, REPLACED, LOST, ENDED = (
    "no mask", "made", "handed on", "replaced", "lost", "ended",
)  # fmt: skip
TOLERANCE = {"float16": 1e-2, "bfloat16": 3e-2}  # of the largest value; others 1e-4


@dataclass
class Step:
    """What became of the mask in one call.

    ``fate`` is one of ``NOTHING`` to ``ENDED``; ``used`` is None where there is no mask to use or
    the layer could not be asked. ``before`` says that the mask was lost before the call, in code
    that calls no layer. ``is_mended`` says that the loss does no harm: what is around the call puts
    a mask on its own result, uses the mask as a whole, or passes it by hand later.
    """

    call: Call
    fate: str = NOTHING
    used: Optional[bool] = None
    leaks: bool = False
    before: Optional[Call] = None  # the call behind which the mask was lost on the way here
    is_mended: bool = False
    valid: List[Optional[Array]] = field(default_factory=list)  # of each output; None: all are
    moved: List[bool] = field(default_factory=list)  # whether padding has no known place there


def fits(seen: Seen, mask: Array, size: int = 0) -> bool:
    """Whether ``mask`` says which steps of a tensor are valid, made of one of ``size`` numbers."""
    axes = mask.ndim
    if len(seen.shape) > axes and seen.shape[:axes] == mask.shape:
        return True
    return seen.shape == mask.shape and size == seen.size


def differs(one: Seen, other: Seen, valid: Optional[Array]) -> float:
    """How far apart two tensors are where ``valid``, 0 if no more than rounding can be."""
    if one.values is None or other.values is None or one.shape != other.shape:
        return 0.0
    a, b = one.values, other.values
    if valid is not None:
        a, b = a[valid], b[valid]
    if a.size == 0 or a.dtype.kind not in "fiubV":
        return 0.0
    tolerance = TOLERANCE.get(str(a.dtype), 1e-4)
    a, b = a.astype("float64"), b.astype("float64")
    with np.errstate(all="ignore"):
        both = np.isnan(a) & np.isnan(b) | (a == b)
        gap = np.where(both, 0, np.abs(a - b))
        gap = np.where(np.isnan(gap), np.inf, gap)
        largest = float(np.max(np.abs(a[np.isfinite(a)]), initial=0))
    most = float(np.max(gap))
    return most if most > tolerance * max(largest, 1e-6) else 0.0


def steps_of(calls: Sequence[Call]) -> List[Step]:
    """What became of the mask in each of ``calls``, without what only other runs can tell."""
    steps: List[Step] = []
    known: Dict[int, Tuple[Seen, Optional[Array], bool, Call]] = {}  # by key of a tensor
    inside: Dict[int, List[int]] = {}
    for call in calls:
        inside.setdefault(-1 if call.parent is None else call.parent, []).append(call.number)
    order = sorted(calls, key=lambda call: (_end(call.number, inside), -call.depth))
    places = {call.number: place for place, call in enumerate(calls)}
    found: Dict[int, Step] = {}
    for call in order:  # as they ended, so that a model is judged after what is in it
        step = found[call.number] = Step(call)
        _judge(step, known)
        for seen, valid, moved in zip(call.outputs, step.valid, step.moved):
            known.setdefault(seen.key, (seen, valid, moved, call))
    steps = sorted(found.values(), key=lambda step: places[step.call.number])
    _lost_between(steps)
    return steps


def _end(number: int, inside: Dict[int, List[int]]) -> int:
    """The number of the last call in a call, itself included."""
    last = number
    while inside.get(last):
        last = inside[last][-1]
    return last


def _judge(step: Step, known: Dict[int, Tuple[Seen, Optional[Array], bool, Call]]) -> None:
    call = step.call
    came, went = call.masks_in, call.masks_out
    if came:
        if not went:
            step.fate = LOST  # or ended, once it is known whether the layer used it
        else:
            same = any(a.shape == b.shape and (a == b).all() for a in came for b in went)
            step.fate = HANDED_ON if same else REPLACED
    elif went:
        step.fate = MADE
    sources = _shadows(call, known)
    for seen in call.outputs:
        if seen.mask is not None and fits(seen, seen.mask, seen.size):
            step.valid.append(seen.mask)
            step.moved.append(False)
        elif seen.key in known and call.sort in (MODEL, OWN):
            step.valid.append(known[seen.key][1])
            step.moved.append(known[seen.key][2])
        else:
            fitting = [m for m, size in sources if fits(seen, m, size)]
            if not fitting and call.sort in (MODEL, OWN):
                fitting = [m for m in _masks_inside(call, known) if fits(seen, m, 0)][-1:]
            step.valid.append(fitting[0] if fitting else None)
            again = len(seen.shape) > 2 or any(seen.size == size for _, size in sources)
            step.moved.append(bool(sources) and not fitting and again)


def _masks_inside(
    call: Call, known: Dict[int, Tuple[Seen, Optional[Array], bool, Call]]
) -> List[Array]:
    """The masks of what the calls inside of a call returned."""
    return [
        seen.mask
        for seen, _, _, inner in known.values()
        if inner.number > call.number and seen.mask is not None
    ]


def _shadows(call: Call, known: Dict[int, Tuple[Seen, Optional[Array], bool, Call]]) -> List[Any]:
    """The masks that tell which steps of the inputs are valid, lost ones included, each with the
    size of its input."""
    found = []
    for seen in call.inputs:
        mask = seen.mask
        if mask is None and seen.key in known:
            mask = known[seen.key][1]
        if mask is None and seen.key not in known:
            mask = next((m for m in call.by_hand.values() if fits(seen, m, seen.size)), None)
        if mask is not None:
            found.append((mask, seen.size))
    return found


def _lost_between(steps: Sequence[Step]) -> None:
    """Find masks that were lost in code between two calls: what comes into a call is no result of
    another one, carries no mask, and has the steps of one that does."""
    for step in steps:
        call = step.call
        if is_about_masks(step):
            continue
        siblings = [
            s for s in steps if s.call.parent == call.parent and s.call.number < call.number
        ]
        around = next((s for s in steps if s.call.number == call.parent), None)
        produced = {o.key for s in siblings for o in s.call.outputs}
        for seen in call.inputs:
            if seen.mask is not None or call.by_hand or not seen.shape or around is None:
                continue
            if seen.key in produced or any(seen.key == i.key for i in around.call.inputs):
                continue
            for candidate in reversed(siblings):
                outs = [o for o in candidate.call.outputs if o.mask is not None]
                out = next((o for o in outs if o.mask is not None and fits(seen, o.mask)), None)
                if out is None:
                    continue
                same = any(_equal(seen, o) for s in siblings for o in s.call.outputs)
                if not same and len(seen.shape) > 2:
                    step.before = candidate.call
                break


def _equal(one: Seen, other: Seen) -> bool:
    if one.values is None or other.values is None:
        return False
    return bool(np.array_equal(one.values, other.values))


def is_about_masks(step: Step) -> bool:
    """Whether a call is an operation that computes a mask, of which there is nothing to tell."""
    outputs = step.call.outputs
    is_bool = all(o.values is not None and o.values.dtype == bool for o in outputs)
    return step.call.sort == OPERATION and bool(outputs) and is_bool


def settle(steps: Sequence[Step]) -> None:
    """Tell a mask that was lost from one that came to its end, and which loss does no harm."""
    by_number = {step.call.number: step for step in steps}
    children: Dict[int, List[Step]] = {}
    for step in steps:
        if step.call.parent is not None:
            children.setdefault(step.call.parent, []).append(step)
    for step in steps:
        step.is_mended = is_about_masks(step)
        if step.fate == LOST:
            has_steps = any(
                fits(seen, mask, 0) for seen in step.call.outputs for mask in step.call.masks_in
            )
            if step.call.sort == MODEL and step.call.number in children:
                step.fate = ENDED  # what happened stands at the calls inside
            elif not has_steps and (step.used or not any(step.moved)):
                step.fate = ENDED  # nothing is left that a mask could speak of
    for step in steps:
        around = by_number.get(step.call.parent) if step.call.parent is not None else None
        while around is not None and not step.is_mended:
            whole = around.call.sort == OWN or around.call.parent is not None
            keeps = around.fate in (MADE, HANDED_ON, REPLACED)
            step.is_mended = (whole and keeps) or (around.call.sort == OWN and bool(around.used))
            around = by_number.get(around.call.parent) if around.call.parent is not None else None
        if not step.is_mended:
            mates = children.get(step.call.parent or 0, [])
            later = [m for m in mates if m.call.number > step.call.number or m is step]
            mine = step.before.masks_out if step.before else step.call.masks_in
            step.is_mended = any(
                hand.shape == mask.shape and (hand == mask).all()
                for mate in later if mate is not step or step.before
                for hand in mate.call.by_hand.values()
                for mask in mine
            )  # fmt: skip


def leak(steps: Sequence[Step], runs: Sequence[Sequence[Call]]) -> None:
    """Mark the calls at which other values in the padded steps begin to change valid ones.

    ``runs`` are the same calls with such values.
    """
    changed_out: Dict[int, bool] = {}
    changed_in: Dict[int, bool] = {}
    by_key: Dict[int, Tuple[int, int]] = {}
    for step in steps:
        for place, seen in enumerate(step.call.outputs):
            if seen.key not in by_key or by_key[seen.key][0] in _around(step, steps):
                by_key[seen.key] = (step.call.number, place)  # the innermost call that returned it
    found = {step.call.number: step for step in steps}
    for step in steps:
        changed_out[step.call.number] = any(
            not moved and differs(seen, run[step.call.number].outputs[place], valid) > 0
            for run in runs
            if step.call.number < len(run)
            for place, (seen, valid, moved) in enumerate(
                zip(step.call.outputs, step.valid, step.moved)
            )
            if place < len(run[step.call.number].outputs)
        )
    for step in steps:
        changed_in[step.call.number] = any(
            _input_changed(step, place, seen, runs, found, by_key)
            for place, seen in enumerate(step.call.inputs)
        )
    inner: Dict[int, bool] = {}  # whether a leak begins in what is inside of a call
    for step in reversed(steps):
        number = step.call.number
        starts = changed_out[number] and not changed_in[number] and not inner.get(number)
        starts = starts and not _is_stopped(step, found, changed_out)
        step.leaks = starts
        if step.call.parent is not None:
            inside = starts or inner.get(number, False)
            inner[step.call.parent] = inner.get(step.call.parent, False) or inside


def _around(step: Step, steps: Sequence[Step]) -> List[int]:
    """The numbers of the calls around a call."""
    found: List[int] = []
    parent = step.call.parent
    while parent is not None:
        found.append(parent)
        parent = steps[parent].call.parent
    return found


def _is_stopped(step: Step, found: Dict[int, Step], changed: Dict[int, bool]) -> bool:
    """Whether something around a call returns the same all the same, as if it multiplies by the
    mask."""
    parent = step.call.parent
    while parent is not None:
        around = found[parent]
        if not changed[parent] and not any(around.moved):
            return True
        parent = around.call.parent
    return False


def _input_changed(
    step: Step, place: int, seen: Seen, runs: Any, found: Dict[int, Step], by_key: Any
) -> bool:
    """Whether an input of a call is changed at its valid steps."""
    valid, moved = seen.mask, False
    if seen.key in by_key:
        number, output = by_key[seen.key]
        if number != step.call.number:
            valid, moved = found[number].valid[output], found[number].moved[output]
    elif valid is None:  # made between the calls: the steps are those of what comes in with it
        masks = [m for m in step.call.by_hand.values() if fits(seen, m, seen.size)]
        masks += [m for s in found.values() if s.call.number < step.call.number
                  for m in s.call.masks_out if fits(seen, m, 0)]  # fmt: skip
        valid = masks[-1] if masks else None
        moved = valid is None and len(seen.shape) > 2
    if moved:
        return False
    number = step.call.number
    return any(
        place < len(run[number].inputs) and differs(seen, run[number].inputs[place], valid) > 0
        for run in runs
        if number < len(run)
    )
