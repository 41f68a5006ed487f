"""Where the pages are that a failure leads to: the one place that says so."""

SITE = ""  # the address of the site, with a slash at its end; "" where there is none


def page(claim: str) -> str:
    """Where to read about ``claim``: its page on the site, or its place in the checkout."""
    if SITE:
        return f"{SITE}c/{claim}.html"
    return f"spec/{claim.partition('.')[0]}.md#{claim}"
