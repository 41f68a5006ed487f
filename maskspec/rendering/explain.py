"""From a message, a name or a question to what answers it: ``maskspec explain "…"``.

Claims are found by the messages that their tests look for, of which those count for less that are
about what is not installed, then by words, best first: SQLite's full text search ranks them. Facts
are found where a layer is named.
"""

import argparse
import re
import sqlite3
import textwrap
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Set

from maskspec.atlas.questions import load as load_aspects
from maskspec.atlas.questions import page_of, subjects
from maskspec.catalogue import cells, pages
from maskspec.catalogue.addresses import link, of_subject
from maskspec.catalogue.pages import Claim
from maskspec.catalogue.seen import where
from maskspec.catalogue.verdicts import UNAVAILABLE
from maskspec.records.nearest import atlas, nearest, verdict
from maskspec.rendering.messages import messages
from maskspec.running.discovery import Installed, NotUsable, discover

ELSEWHERE = 0.5  # how much it counts that what a claim is about is not in what is installed
SHARED = 2  # claims that may look for the same words before these count for less
# How much a word counts in each part of a claim: its id, sentence, otherwise, explanation.
WEIGHTS = (4.0, 6.0, 3.0, 1.0)
IDLE = frozenset(re.findall(r"\w+", """
    a about all an and any are as at be but by can do does for from get gets has have how i if
    in into is it its my no not of on or that the their then there they this to use used was
    what when where which who why will with without you your keras tensorflow tf error raises
"""))  # fmt: skip


# Layers whose names are words of their own where they are not written as names.
PLAIN = frozenset(re.findall(r"\w+", """
    Activation Add Attention Average Dot Identity Input Layer Masking Maximum Minimum Multiply
    Normalization Pipeline Resizing Rescaling Subtract Wrapper
"""))  # fmt: skip


class Answer(NamedTuple):
    """A claim that answers, and whether the text is a message that its test looks for."""

    claim: Claim
    is_message: bool


def answers(root: Path, text: str) -> List[Answer]:
    """The claims that ``text`` is about, best first."""
    book = pages.read(root)
    by_id = book.by_id()
    text = book.renamed.get(text, text)
    if text in by_id:
        return [Answer(by_id[text], False)]
    words = _by_words(book.claims, text)
    said = {id: weight for id, weight in by_message(root, text).items() if id in by_id}
    cell = nearest(root, here(root)) if said else ""
    for id in said:
        is_elsewhere = bool(cell) and verdict(root, cell, id) == UNAVAILABLE
        said[id] += words.get(id, 0.0) - ELSEWHERE * is_elsewhere
    first = sorted(said, key=lambda id: (-said[id], id))
    rest = [id for id in words if id not in said]
    return [Answer(by_id[id], id in said) for id in (*first, *rest)]


def by_message(root: Path, text: str) -> Dict[str, float]:
    """The claims whose tests look for a message that ``text`` has, and how much that tells.

    It is a number up to 1. What many claims look for tells little; a pattern of many letters tells
    much, whatever its ``.*`` runs over.
    """
    matches = [
        (claim, pattern, match.span())
        for claim, patterns in messages(root).items()
        for pattern in patterns
        for match in [re.search(pattern, text)]
        if match is not None and len(match[0]) > 5
    ]
    found: Dict[str, float] = {}
    for claim, pattern, (start, end) in matches:
        shared = {other for other, _, (s, e) in matches if s < end and start < e}
        letters = min(end - start, _letters(pattern))
        found[claim] = max(found.get(claim, 0.0), letters / max(1, len(shared) - SHARED))
    most = max(found.values(), default=1.0)
    return {claim: weight / most for claim, weight in found.items()}


def _letters(pattern: str) -> int:
    return len(re.findall(r"[A-Za-z]", re.sub(r"\\.", "", pattern)))


def words_of(text: str) -> List[str]:
    """The words of ``text`` that tell something, parts of names included."""
    found: List[str] = []
    for word in re.findall(r"[A-Za-z][A-Za-z0-9_]*", text):
        parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[A-Z]?", word)
        found += [word.lower(), *(p.lower() for p in parts if len(parts) > 1 and len(p) > 2)]
    return [word for word in dict.fromkeys(found) if word not in IDLE and len(word) > 1]


def _by_words(claims: Sequence[Claim], text: str) -> Dict[str, float]:
    """The claims that share a word with ``text``, best first, each with a number up to 1."""
    asked = words_of(text)
    if not asked:
        return {}
    with sqlite3.connect(":memory:") as table:
        table.execute(
            "CREATE VIRTUAL TABLE claims USING fts5(id, sentence, otherwise, explanation, "
            "tokenize='porter unicode61')"
        )
        table.executemany(
            "INSERT INTO claims (rowid, id, sentence, otherwise, explanation) "
            "VALUES (?, ?, ?, ?, ?)",
            [(place, *map(_spelled, (c.id, c.sentence, c.otherwise, c.explanation)))
             for place, c in enumerate(claims)],
        )  # fmt: skip
        query = " OR ".join(f'"{word}"' for word in asked)
        rows = table.execute(
            f"SELECT rowid, -bm25(claims, {', '.join(map(str, WEIGHTS))}) AS score FROM claims "
            "WHERE claims MATCH ? ORDER BY score DESC, rowid",
            (query,),
        ).fetchall()
    return {claims[row[0]].id: row[1] / (rows[0][1] or 1.0) for row in rows}


def _spelled(text: str) -> str:
    """``text`` with the parts of its names beside them, so that each can be found."""
    names = set(re.findall(r"\b\w*[a-z]_?[A-Z0-9_]\w*", text))
    parts = {part for name in names for part in words_of(name)}
    return f"{text} {' '.join(sorted(parts))}".replace("_", " ")


# --- facts --------------------------------------------------------------------------------------


class Fact(NamedTuple):
    """A question about a layer, and its answer on one cell."""

    subject: str
    question: str
    outcome: str
    cell: str
    page: str


def facts(root: Path, text: str, installed: Installed, most: int) -> List[Fact]:
    """What the atlas says of the layers that ``text`` names, those first that it asks about."""
    words = re.findall(r"[A-Za-z][A-Za-z0-9]*", text)
    plain = {one.public.lower(): one.public for one in subjects() if one.public not in PLAIN}
    named = {*words, *(plain.get(word, "") for word in words)}
    layers = [one for one in subjects() if one.public in named and not one.is_variant]
    cell = nearest(root, installed, "atlas.jsonl")
    if not layers or not cell:
        return []
    asked = set(_stems(words_of(text)))
    found = []
    for subject in layers:
        outcomes = atlas(root, cell).get(subject.name, {})
        for place, aspect in enumerate(load_aspects()):
            if aspect.id in outcomes:
                overlap = len(asked & set(_stems(words_of(aspect.question))))
                fact = Fact(
                    subject.name, aspect.question, outcomes[aspect.id], cell,
                    of_subject(page_of(subject.public)),
                )  # fmt: skip
                found.append((-overlap, place, fact))
    found.sort(key=lambda one: one[:2])
    return [fact for _, _, fact in found[:most]]


def _stems(words: Sequence[str]) -> Set[str]:
    return {re.sub(r"(ing|ed|es|s)$", "", word) for word in words}


def here(root: Path) -> Installed:
    """What is installed; the newest Keras that is known where nothing is."""
    known = cells.load(root)
    try:
        return discover(known)[0]
    except NotUsable:
        newest = known.newest("keras")
        return Installed("keras", newest, "tensorflow", "?", newest, "")


# --- saying it ----------------------------------------------------------------------------------


def in_words(root: Path, text: str, most: int) -> Iterator[str]:
    """The answers to ``text`` for a reader; nothing if there is none."""
    found = answers(root, text)
    for number, one in enumerate(found[:most], 1):
        claim, seen = one.claim, where(root, one.claim)
        what = "finding" if claim.is_finding else "claim"
        yield from _filled(f"{number}. {claim.sentence}", "")
        if one.is_message:
            yield from _filled("the test of this claim looks for that message", "   ")
        if seen.words:
            yield from _filled(f"{seen.words}.", "   ")
        if claim.otherwise:
            yield from _filled(f"Otherwise: {claim.otherwise}", "   ")
        if claim.advice and number <= 2:
            yield from _advice(claim.advice)
        yield f"   {what}: {link(claim)}"
        yield ""
    told = facts(root, text, here(root), most)
    if told:
        yield f"The atlas, {told[0].cell}:"
        for fact in told:
            yield from _filled(f"{fact.subject}: {fact.question} {fact.outcome}", "   ")
        yield f"   all of it: {', '.join(dict.fromkeys(fact.page for fact in told))}"
        yield ""
    if len(found) > most:
        yield f"and {len(found) - most} more that share a word: --most {len(found)}"


def _advice(lines: Sequence[str]) -> Iterator[str]:
    """The advice, its text filled and its code as it is."""
    text: List[str] = []
    inside = False
    for line in [*lines, ""]:
        fence = line.startswith("```")
        if text and (fence or not line.strip()):
            yield from _filled(" ".join(text), "   ")
            text = []
        if inside and not fence:
            yield f"       {line}"
        elif line.strip() and not fence:
            text.append(line)
        inside ^= fence


def _filled(text: str, indent: str) -> List[str]:
    return textwrap.wrap(
        text, 96, initial_indent=indent, subsequent_indent=indent or "   ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def main(asked: argparse.Namespace) -> int:
    """Print what answers the text, exit status 1 if nothing does."""
    text = " ".join(asked.text)
    lines = list(in_words(asked.root, text, asked.most))
    if not lines:
        print(f"nothing here is about {text!r}")
        return 1
    print("\n".join(lines).rstrip())
    return 0
