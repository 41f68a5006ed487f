"""A trace as HTML, for a notebook."""

import re
from html import escape
from typing import Iterator, List

from maskspec.checking.trace_results import LOSES, Finding, Trace, is_lost
from maskspec.checking.trace_steps import (
    ENDED,
    HANDED_ON,
    LOST,
    MADE,
    REPLACED,
    Step,
    is_about_masks,
)
from maskspec.checking.trace_text import (
    HEADS,
    counted_in_words,
    fate_in_words,
    masks_in_words,
    measured,
    output_in_words,
    summary,
    used_in_words,
)

# Text and ground of a row; each pair has a contrast of 4.5 or more on light and dark pages.
COLOURS = {
    "bad": ("#8f1d1d", "#fdecea"),
    MADE: ("#0b5c2e", "#e7f6ec"),
    HANDED_ON: ("#0b5c2e", "#f4fbf6"),
    REPLACED: ("#6b4a00", "#fff6dd"),
    ENDED: ("#33475b", "#eef3f8"),
    LOST: ("#6b4a00", "#fff6dd"),
}


def as_html(trace: Trace) -> str:
    """All that a trace has to tell, with colours."""
    parts = [
        '<div style="font-family:system-ui,sans-serif;font-size:13px;line-height:1.45">',
        f"<p><b>{escape(trace.model)}</b>, {escape(trace.installed)}, on {escape(trace.batch)}</p>",
    ]
    if trace.steps:
        parts += _table(trace)
    if trace.answer:
        parts.append(f"<p>{_words(trace.answer)}.</p>")
    if trace.findings:
        parts.append("<ol>")
        parts += [_finding(one) for one in trace.findings]
        parts.append("</ol>")
    for title, told in (
        ("Outputs", [output_in_words(one) for one in trace.outputs]),
        ("Losses and metrics", [counted_in_words(one) for one in trace.counted]),
        ("Other values in the padded steps", measured(trace)),
        ("Notes", trace.notes),
    ):
        if told:
            items = "".join(f"<li>{_words(one)}</li>" for one in told)
            parts.append(f"<p style='margin-bottom:0'><b>{title}</b></p><ul>{items}</ul>")
    colour, ground = COLOURS["bad"] if trace.findings else COLOURS[MADE]
    parts.append(
        f'<p style="color:{colour};background:{ground};padding:6px 10px;border-radius:4px">'
        f"<b>{escape(summary(trace))}</b></p></div>"
    )
    return "\n".join(parts)


def _table(trace: Trace) -> Iterator[str]:
    yield '<table style="border-collapse:collapse;font-size:13px"><thead><tr>'
    yield "".join(
        f'<th scope="col" style="text-align:left;padding:3px 10px">{head or "what happens"}</th>'
        for head in HEADS
    )
    yield "</tr></thead><tbody>"
    for step in trace.steps:
        if not is_about_masks(step):
            yield _row(step)
    yield "</tbody></table>"


def _row(step: Step) -> str:
    is_bad = step.leaks or is_lost(step)
    colour, ground = COLOURS["bad" if is_bad else step.fate] if is_bad or step.fate in COLOURS \
        else ("#222", "#fff")  # fmt: skip
    came, went = masks_in_words(step)
    indent = f"padding-left:{10 + 18 * step.call.depth}px"
    name = f"<b>{escape(step.call.name)}</b> <i>{escape(step.call.kind)}</i>"
    cells: List[str] = [name, escape(came), used_in_words(step.used), escape(went),
                        escape(fate_in_words(step))]  # fmt: skip
    told = "".join(
        f'<td style="text-align:left;padding:3px 10px;{indent if n == 0 else ""}">{cell}</td>'
        for n, cell in enumerate(cells)
    )
    weight = "font-weight:600;" if is_bad else ""
    return f'<tr style="color:{colour};background:{ground};{weight}">{told}</tr>'


def _words(text: str) -> str:
    """``text``, in which what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _finding(one: Finding) -> str:
    title = "lost" if one.kind == LOSES else one.kind
    page = escape(one.page)
    why = f"<br>why: {_words(one.why)} " if one.why else ""
    if page:
        why += f'<a href="{page}">{page}</a>' if "://" in page else f"({page})"
    instead = f"<br>write instead: <code>{escape(one.instead)}</code>" if one.instead else ""
    return f"<li><b>{escape(title)}</b>: {_words(one.what)}{why}{instead}</li>"
