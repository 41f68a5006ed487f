"""Where the site is published: the one place that says so."""

SITE = ""  # with a slash at its end; "" where there is none, and links lead to files instead


def claim_page(id: str) -> str:
    """The permanent address of a claim below that of the site."""
    return f"c/{id}.html"
