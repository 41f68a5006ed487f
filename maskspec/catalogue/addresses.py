"""Where the site is published: the one place that says so."""

from maskspec.catalogue.pages import Claim

SITE = ""  # with a slash at its end; "" where there is none, and links lead to files instead


def claim_page(id: str) -> str:
    """The permanent address of a claim below that of the site."""
    return f"c/{id}.html"


def link(claim: Claim) -> str:
    """Where to read about ``claim``: its page on the site, or the place in the file."""
    return of_claim(claim.id)


def of_claim(id: str) -> str:
    """The same of the claim with this id."""
    return SITE + claim_page(id) if SITE else f"spec/{id.partition('.')[0]}.md#{id}"


def of_subject(page: str) -> str:
    """Where to read what a subject of the atlas does, whose page has this name."""
    family, _, name = page.rpartition(".")
    return f"{SITE}{family or 'layers'}/{name}.html" if SITE else f"spec/atlas/{page}.md"


def home() -> str:
    """Where to begin to read."""
    return SITE or "spec/README.md"
