"""A trace as text."""

import textwrap
from typing import Any, Iterator, List, Optional, Tuple

from maskspec.catalogue.words import count
from maskspec.checking.trace_results import Counted, Finding, Output, Trace, is_lost
from maskspec.checking.trace_steps import LOST, MADE, NOTHING, Step, is_about_masks
from maskspec.checking.trace_watching import MODEL, OWN

Row = Tuple[str, str, str, str, str]
HEADS: Row = ("call", "mask in", "used", "mask out", "")
WIDE = 100


def mask_in_words(mask: Any) -> str:
    """The shape of a mask and how many of its steps are valid: ``(4, 6) 62 %``."""
    return f"{tuple(mask.shape)} {100 * mask.mean():.0f} %".replace(" (", "(")


def masks_in_words(step: Step) -> Tuple[str, str]:
    """The masks that come in and go out."""
    call = step.call
    came = [mask_in_words(seen.mask) for seen in call.inputs if seen.mask is not None]
    came += [f"{name}={mask_in_words(mask)}" for name, mask in call.by_hand.items()]
    went = [mask_in_words(mask) for mask in call.masks_out]
    return _together(came), _together(went)


def _together(words: List[str]) -> str:
    unique = list(dict.fromkeys(words))
    return ", ".join(unique) if unique else "-"


def fate_in_words(step: Step) -> str:
    """What became of the mask in a call, in a few words."""
    said = []
    if step.before is not None:
        said.append(
            "LOST on the way here" if is_lost(step) else "no mask any more, but none is needed"
        )
    if step.fate == LOST:
        said.append("LOST" if is_lost(step) else "lost here, but known to those that need it")
    elif step.fate != NOTHING and not (step.fate == MADE and step.call.sort == MODEL):
        said.append(step.fate)
    if step.leaks:
        has_no_effect = step.call.masks_in and step.call.sort not in (MODEL, OWN)
        said += ["without effect"] * bool(has_no_effect) + ["LEAK begins here"]
    return ", ".join(said)


def used_in_words(used: Optional[bool]) -> str:
    return {True: "yes", False: "no"}.get(used, "-") if used is not None else "-"


def rows(trace: Trace) -> Iterator[Row]:
    """One row a call."""
    for step in trace.steps:
        if is_about_masks(step):
            continue
        indent = "  " * step.call.depth
        came, went = masks_in_words(step)
        yield (
            f"{indent}{step.call.label}", came, used_in_words(step.used), went,
            fate_in_words(step),
        )  # fmt: skip


def as_text(trace: Trace) -> str:
    """All that a trace has to tell."""
    lines = [f"{trace.model}, {trace.installed}, on {trace.batch}"]
    if trace.steps:
        lines += ["", *_table(list(rows(trace)))]
    if trace.answer:
        lines += ["", *_filled(f"{trace.answer}.", "")]
    for number, finding in enumerate(trace.findings, 1):
        lines += ["", *_finding(number, finding)]
    for title, told in (
        ("Outputs", [output_in_words(one) for one in trace.outputs]),
        ("Losses and metrics", [counted_in_words(one) for one in trace.counted]),
        ("Other values in the padded steps", measured(trace)),
        ("Notes", trace.notes),
    ):
        if told:
            lines += ["", title, *(line for one in told for line in _filled(one, "  "))]
    return "\n".join([*lines, "", summary(trace)])


def _table(found: List[Row]) -> Iterator[str]:
    found = [HEADS, *found]
    widths = [max(len(row[column]) for row in found) for column in range(len(HEADS))]
    for row in found:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _finding(number: int, one: Finding) -> Iterator[str]:
    yield from _filled(f"{number}. {one.kind.upper()}: {one.what}", "")
    if one.why:
        yield from _filled(f"why: {one.why} ({one.page})", "   ")
    if one.instead:
        yield from _filled(f"write instead: {one.instead}", "   ")


def output_in_words(one: Output) -> str:
    carries = f"the mask {mask_in_words(one.mask)}" if one.mask is not None else "no mask"
    return f"{one.name} {tuple(one.shape)} carries {carries}"


def counted_in_words(one: Counted) -> str:
    """What a loss or metric makes of padding."""
    said = {True: "counts padded steps", False: "leaves padded steps out",
            None: "has no padded steps to count"}[one.counts_padding]  # fmt: skip
    by = f", divides by {one.divides_by}" if one.divides_by else ""
    why = f" ({one.page})" if one.page else ""
    return f"{one.name} {one.value:.4g}: {said}{by}{why}"


def measured(trace: Trace) -> List[str]:
    """What other values in the padded steps change."""
    told = []
    for one in trace.outputs:
        if one.change is not None:
            told.append(f"{one.name}: {_by(one.change, one.largest, 'values up to')}")
    if trace.changes_loss is not None and trace.loss is not None:
        told.append(f"loss: {_by(trace.changes_loss, trace.loss, 'it is')}")
    if trace.changes_gradients is not None:
        said = "change" if trace.changes_gradients else "stay as they are"
        told.append(f"gradients of the weights, of {trace.gradients_of}: {said}")
    return told


def _by(change: float, of: float, what: str) -> str:
    return f"changes by up to {change:.3g} ({what} {of:.3g})" if change else "stays as it is"


def summary(trace: Trace) -> str:
    """One line that says how it ends."""
    if trace.is_sound:
        known = any(one.change is not None for one in trace.outputs)
        said = "No mask is lost, and no padding leaks" if known else "No mask is lost"
        return f"{said}{'; the loss was not measured' if trace.unmeasured else ''}."
    lost, leaks = len(trace.lost), len(trace.leaks)
    told = [f"a mask is lost at {count(lost, 'place')}"] * bool(lost)
    told += [f"padding counts at {count(leaks, 'place')}"] * bool(leaks)
    return f"{'; '.join(told).capitalize()}."


def _filled(text: str, indent: str) -> List[str]:
    return textwrap.wrap(
        text, WIDE, initial_indent=indent, subsequent_indent=f"{indent}  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
