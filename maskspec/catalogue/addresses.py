"""Where the site is published: the one place that says so."""

from maskspec.catalogue.pages import Claim

SITE = ""  # with a slash at its end; "" where there is none, and links lead to files instead


def claim_page(id: str) -> str:
    """The permanent address of a claim below that of the site."""
    return f"c/{id}.html"


def link(claim: Claim) -> str:
    """Where to read about ``claim``: its page on the site, or the place in the file."""
    return SITE + claim_page(claim.id) if SITE else claim.page


def home() -> str:
    """Where to begin to read."""
    return SITE or "spec/README.md"
