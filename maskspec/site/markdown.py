"""Our Markdown as HTML: anchors as they are, links to pages of the site, code highlighted."""

import re
from typing import Any, Dict, List, Optional, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from maskspec.site.code import highlighted
from maskspec.site.links import Links, relative


class Renderer(RendererHTML):  # type: ignore[misc,unused-ignore]
    """Wide tables can be scrolled, also by keyboard."""

    def table_open(self, *_: Any) -> str:
        return '<div class="wide" tabindex="0" role="region" aria-label="Table"><table>\n'

    def table_close(self, *_: Any) -> str:
        return "</table></div>\n"


class Markdown:
    """A converter that knows the site's pages."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self._parser = MarkdownIt("commonmark", {"highlight": _code}, renderer_cls=Renderer)
        self._parser.enable("table")

    def page(self, text: str, source: str, at: str, whole: bool = False) -> Markup:
        """``text`` of the repository's page ``source`` as it stands on the site's page ``at``."""
        env: Dict[str, Any] = {}
        tokens = self._parser.parse(text, env)
        _name_headings(tokens, 1 if whole else 2)
        self._lead(tokens, source, at, whole)
        return Markup(self._parser.renderer.render(tokens, self._parser.options, env))

    def line(self, text: str, source: str = "", at: str = "") -> Markup:
        """One sentence, without a paragraph around it."""
        env: Dict[str, Any] = {}
        tokens = self._parser.parseInline(text, env)
        self._lead(tokens, source, at, False)
        return Markup(self._parser.renderer.render(tokens, self._parser.options, env))

    def _lead(self, tokens: Sequence[Token], source: str, at: str, whole: bool) -> None:
        for token in tokens:
            if token.type == "link_open":
                found = self.links.on_site(source, str(token.attrGet("href")), whole)
                token.attrSet("href", relative(at, found))
            self._lead(token.children or [], source, at, whole)


def plain(text: str) -> str:
    """A sentence without its Markdown."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("*", "")


def section(text: str, heading: str) -> str:
    """What stands below ``heading``, up to the next one that is as high."""
    level = heading.partition(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    if not found:
        raise ValueError(f"there is no heading {heading!r}")
    return re.split(rf"^#{{2,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()


def slug(heading: str, taken: List[str]) -> str:
    """The anchor that the code host gives a heading."""
    base = re.sub(r"[^\w\- ]", "", plain(heading).lower()).replace(" ", "-")
    return base if base not in taken else f"{base}-{taken.count(base)}"


def _name_headings(tokens: Sequence[Token], above: int) -> None:
    """Give each heading its anchor, and no level that skips one below ``above``."""
    taken: List[str] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            level = min(int(token.tag[1:]), above + 1)
            token.attrSet("id", slug(tokens[place + 1].content, taken))
            taken.append(str(token.attrGet("id")))
            token.tag = tokens[place + 2].tag = f"h{level}"
            above = level


def _code(text: str, language: str, attributes: Optional[str]) -> str:
    # A converter escapes what does not begin with <pre
    return f'<pre class="code" tabindex="0"><code>{highlighted(text, language)}</code></pre>'
