"""The site as files: pages, links, data, feed; what needs a browser stands in tests/browser."""

import json
import posixpath
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator
from miniature import ROOT

from maskspec.__main__ import main
from maskspec.atlas.questions import FAMILIES, subjects
from maskspec.atlas.questions import load as load_aspects
from maskspec.catalogue import addresses
from maskspec.catalogue.addresses import claim_page
from maskspec.catalogue.implementations import IMPLEMENTATIONS
from maskspec.records.specification import load
from maskspec.rendering import export, summary
from maskspec.rendering.atlas import FIRST
from maskspec.rendering.explained import Explained
from maskspec.rendering.facts import History
from maskspec.site import changes, pages, site
from maskspec.site.code import Code
from maskspec.site.history import columns, runs, whole_title
from maskspec.site.links import Links, of_facts, of_subject, relative
from maskspec.site.markdown import Markdown, section, slug
from maskspec.site.schema import rows
from maskspec.site.subjects import SAYS, anchor, first_of, says
from maskspec.site.upgrade import runs as upgrade_runs

ATOM = "{http://www.w3.org/2005/Atom}"
BESIDES = ("pagefind/", "upgrade.html#", "matrix.html?")  # built later, or read by a script


class Page(HTMLParser):
    """The anchors and links of a page, and what a strict policy forbids."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.inline, self.policy = set(), [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        about = dict(attrs)
        self.anchors |= {about[k] for k in ("id", "name") if k in about}
        self.links += [about[k] for k in ("href", "src", "action") if about.get(k)]
        if "style" in about or tag == "style" or any(k.startswith("on") for k in about):
            self.inline.append(self.get_starttag_text())
        if tag == "script" and "src" not in about:
            self.inline.append(self.get_starttag_text())
        if about.get("http-equiv") == "Content-Security-Policy":
            self.policy = about["content"]


@pytest.fixture(scope="module")
def project():
    return load(ROOT)


@pytest.fixture(scope="module")
def files(project):
    """Every file of the project's own site but the index of its search."""
    found = list(site.files(project))
    assert len(found) == len({address for address, _ in found})
    return dict(found)


@pytest.fixture(scope="module")
def parsed(files):
    found = {a: Page(text) for a, text in files.items() if a.endswith(".html")}
    assert len(found) > 700
    return found


def test_every_link_and_anchor_leads_somewhere(files, parsed):
    nowhere = []
    for address, page in parsed.items():
        for link in page.links:
            if "://" in link or any(part in link for part in BESIDES):
                continue
            path, _, anchor = link.partition("#")
            path = path.lstrip("/") if address == "404.html" else path
            target = posixpath.normpath(posixpath.join(posixpath.dirname(address), unquote(path)))
            target = target if path else address
            if target not in files or anchor and unquote(anchor) not in parsed[target].anchors:
                nowhere.append((address, link))
    assert nowhere == []


def test_nothing_is_inline_and_nothing_comes_from_another_host(parsed):
    for address, page in parsed.items():
        assert page.inline == [], address
        assert page.policy.startswith("default-src 'none'; script-src 'self'"), address
        assert "unsafe-inline" not in page.policy
        assert ("wasm" in page.policy) == (address == "search.html")
        foreign = [link for link in page.links if "://" in link]
        assert all(re.match(r"https://(github\.com|keras\.io)/", link) for link in foreign)


def test_scripts_and_styles_ask_no_other_host(files):
    for address in (a for a in files if a.startswith("static/")):
        text = files[address].decode()
        found = set(re.findall(r"https?://[a-z0-9.]+", text))
        assert found <= {"http://www.w3.org", "https://github.com"}, address


def test_everything_has_its_page(files, project):
    for claim in project.book.claims:
        page = files[f"c/{claim.id}.html"]
        assert f"def {project.cases(claim.id)[0].test}" in re.sub(r"<[^>]*>", "", page)
        assert f"c/{claim.id}.svg" in files
    for statement in project.statements().values():
        assert f'<tr id="{statement.id}">' in files[f"sources/{statement.source}.html"]


def test_a_claim_that_faults_change_says_so_and_leads_to_power(files, parsed, project):
    named = {row.name for record in project.power for row in record.claims if row.faults}
    assert "power.html" in files and len(named) > 100
    for claim in project.book.claims:
        links, address = parsed[claim_page(claim.id)].links, claim_page(claim.id)
        assert links.count(relative(address, "power.html")) == 1 + (claim.id in named), claim.id


def test_a_renamed_claim_is_redirected(files, project):
    assert project.book.renamed
    for old, new in project.book.renamed.items():
        page = files[f"c/{old}.html"]
        assert f'content="0; url={new}.html"' in page
        assert f"c/{new}.html" in files


def test_the_data_are_those_of_export(files, project):
    assert json.loads(files["data/catalogue.json"]) == export.export(project)
    assert json.loads(files["data/catalogue.schema.json"]) == export.SCHEMA
    names = json.loads(files["data/names.json"])
    found = [page for page, _, _, _ in names]
    assert found == sorted(set(found) & files.keys())


def test_the_whole_export_is_as_its_schema_has_it(files):
    whole = json.loads(files["data/catalogue.json"])
    whole["claims"] = whole["claims"][::20]  # each is alike, and all take long
    facts = whole["atlas"]["facts"]
    whole["atlas"]["facts"] = {cell: facts[cell] for cell in list(facts)[::20]}
    assert list(Draft202012Validator(export.SCHEMA).iter_errors(whole)) == []


def test_the_data_page_has_every_key_of_the_schema():
    found = {path: (kind, words) for path, kind, words in rows(export.SCHEMA, export.SCHEMA)}
    assert found["claims[].line"] == ("integer", "Its line there.")
    assert found["atlas.facts"][0] == "object"
    assert found["claims[].verdicts.*.cases.*.verdict"][0].startswith("holds | ")
    assert all(words for _, words in found.values())


# --- the atlas: whatever families there are -----------------------------------------------------


@pytest.fixture(scope="module")
def known(project):
    return History(project)


def test_every_subject_and_question_has_its_page(files, parsed, known):
    pages = [of_subject(subject) for subject in subjects()]
    assert len(set(pages)) == len({subject.public for subject in subjects()})
    for subject, page in zip(subjects(), pages):
        assert anchor(subject) in parsed[page].anchors
        assert page in parsed[f"{subject.family}.html"].links
    for aspect in load_aspects():
        if aspect.id in known.asked:
            assert f"questions/{aspect.id}.html" in parsed[f"{aspect.family}.html"].links


def test_no_two_set_ups_share_an_anchor():
    places = [(of_subject(one), anchor(one)) for one in subjects()]
    assert len(places) == len(set(places))
    assert anchor(subjects()[0]) == "activation-tanh"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_stands_in_the_head_of_every_page_and_has_its_table_of_facts(parsed, family):
    assert f"../{family}.html" in parsed["c/loss.mean-over-valid-steps.html"].links
    assert of_facts(family) in parsed["matrix.html"].links
    assert of_facts(family) in parsed[f"{family}.html"].links


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_said_first_is_asked_first(family):
    assert 0 < len(first_of(family)) <= 3
    assert set(first_of(family)) <= set(FIRST[family])


def test_outcomes_that_are_put_in_words_are_outcomes():
    outcomes = {one.id: one.outcomes for one in load_aspects()}
    for aspect, words in SAYS.items():
        assert set(words) <= set(outcomes[aspect])


def test_a_surprising_fact_leads_to_the_finding_that_explains_it_and_back(files, project, known):
    why = Explained(project, known)
    assert len(why.layers) > 10
    for claim, names in why.layers.items():
        back = files[f"c/{claim}.html"]
        for name in names:
            page = Links(project).subjects[name]
            assert (
                f'<a href="../c/{claim}.html">why<span class="unseen">, by {claim}<' in files[page]
            )
            assert f'<a href="../{page}">{name}</a>' in back


def test_no_family_is_named_in_the_code_of_the_site():
    house = ROOT / "maskspec" / "site"
    for path in (*house.glob("*.py"), *house.glob("*/*.html"), *house.glob("*/*.js")):
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"[\"'/](losses|metrics|models|layers)[\"'/.]", text)
        assert named == ["layers"] * (path.name == "pages.py"), path


def test_the_feed_is_one_and_has_the_newest_first(files):
    feed = ElementTree.fromstring(files["changes.atom"])
    entries = feed.findall(f"{ATOM}entry")
    dates = [entry.findtext(f"{ATOM}updated") for entry in entries]
    assert dates == sorted(dates, reverse=True)
    assert dates[0] == feed.findtext(f"{ATOM}updated")
    assert len(entries) == 20
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 20
    assert not [e for e in entries if "pre-release" in e.findtext(f"{ATOM}title")]


def test_pre_releases_are_set_apart(files, project):
    ahead, _, rest = files["changes.html"].partition("<table")
    (name,) = project.prereleases
    assert f"changes/{name}.html" in ahead
    assert f"changes/{name}.html" not in rest


def test_dates_are_those_of_the_recorded_releases_and_no_others(project):
    known = json.loads((ROOT / "spec" / "releases" / "dates.json").read_text(encoding="utf-8"))
    dated = {(package, version) for package in known for version in known[package]}
    heads = [record.header for record in project.records.values()]
    recorded = {(IMPLEMENTATIONS[h["implementation"]].package, h["version"]) for h in heads}
    assert dated == recorded


# --- a project of its own -----------------------------------------------------------------------

FIND = """
## Find your answer
Five documents.
## Find your answer

### The message that you see

| message | what it is |
|---|---|
| `no zero` | [zero](demo.md#demo.pads-with-zero) |

### The question that you have

| question | answer |
|---|---|
| Zero? | [Yes](demo.md#demo.pads-with-zero) |

## How to read the evidence"""


@pytest.fixture
def readable(mini):
    """The miniature with the questions that the start of a site shows."""
    mini.edit("spec/README.md", "\n## How to read the evidence", FIND)
    return mini


def test_a_small_project_without_an_atlas_has_a_site(readable):
    found = dict(site.files(readable.load()))
    page = found["c/demo.pads-last.html"]
    assert '<span class="v holds">holds</span></dt><dd>Keras 3.15' in page
    assert "Padding goes first." in page  # what is so instead
    assert "<code>no zero</code>" in found["c/demo.pads-with-zero.html"]
    assert not [page for page in found for name in FAMILIES if page.startswith(name)]
    assert "layers.html" not in page


def test_it_is_the_same_every_time(readable):
    assert list(site.files(readable.load())) == list(site.files(readable.load()))


def test_a_link_that_leads_nowhere_is_refused(readable):
    readable.edit("spec/demo.md", "[zero](#demo.pads-with-zero)", "[zero](../no.txt)")
    with pytest.raises(ValueError, match=r"spec/demo.md: the site has no page for the link to"):
        list(site.files(readable.load()))


def test_a_folder_that_is_no_site_is_left_alone(readable, tmp_path, monkeypatch):
    monkeypatch.setattr(site, "index", lambda folder: None)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="is no site that was built here"):
        site.write(readable.load(), tmp_path / "home")
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["letter.txt"]


def test_an_earlier_site_is_replaced_as_a_whole(readable, tmp_path, monkeypatch):
    monkeypatch.setattr(site, "index", lambda folder: None)
    out = tmp_path / "out"
    site.write(readable.load(), out)
    (out / "c" / "gone.html").write_text("")
    assert site.write(readable.load(), out) > 20
    assert not (out / "c" / "gone.html").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")] == []


def test_says_what_to_install(readable, capsys, monkeypatch):
    monkeypatch.setattr(site, "NEEDED", ("jinja2", "no_such_module"))
    assert main(["--root", str(readable.root), "site", "out"]) == 2
    assert "the site needs no_such_module: python -m pip install -e '.[site]'" in (
        capsys.readouterr().err
    )


def test_builds_nothing_from_what_cannot_be_read(readable, capsys):
    readable.edit("spec/demo.md", "### demo.pads-last", "### Demo")
    assert main(["--root", str(readable.root), "site", str(readable.root / "out")]) == 2
    assert "nothing was built, as this cannot be read" in capsys.readouterr().err
    assert not (readable.root / "out").exists()


# --- the address --------------------------------------------------------------------------------


def test_links_lead_to_the_site_where_there_is_one(project, monkeypatch):
    claim = project.book.claims[0]
    monkeypatch.setattr(addresses, "SITE", "")
    assert (addresses.link(claim), addresses.home()) == (claim.page, "spec/README.md")
    monkeypatch.setattr(addresses, "SITE", "https://example.org/masks/")
    assert addresses.link(claim) == f"https://example.org/masks/c/{claim.id}.html"
    assert addresses.home() == "https://example.org/masks/"
    assert summary.link is addresses.link


def test_the_readme_names_the_address():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (addresses.SITE or "python -m maskspec site OUT") in readme
    assert not addresses.SITE or addresses.SITE.endswith("/")


def test_an_address_makes_canonical_links_and_a_feed_that_stands_alone(readable, monkeypatch):
    for module in (pages, changes):
        monkeypatch.setattr(module, "SITE", "https://example.org/masks/")
    dates = {"keras": {"3.15.1": "2026-07-29"}}
    readable.write("spec/releases/dates.json", json.dumps(dates))
    found = dict(site.files(readable.load()))
    link = '<link rel="canonical" href="https://example.org/masks/c/demo.pads-last.html">'
    assert link in found["c/demo.pads-last.html"]
    assert 'href="/masks/static/site.css"' in found["404.html"]
    assert "<id>https://example.org/masks/changes</id>" in found["changes.atom"]
    assert "&#34;https://example.org/masks/c/demo." in found["changes.atom"]


# --- the parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page, href, address",
    [
        ("spec/loss.md", "#loss.mask-has-no-effect", "c/loss.mask-has-no-effect.html"),
        ("spec/loss.md", "loss-by-hand.md", "chapters/loss-by-hand.html"),
        ("spec/loss.md", "evidence/loss.md#loss.scalar-counts-all-steps",
         "c/loss.scalar-counts-all-steps.html"),
        ("spec/loss.md", "../tests/test_loss.py", "code/tests/test_loss.py.html"),
        ("spec/atlas/README.md", "LSTM.md", "layers/LSTM.html"),
        ("spec/CHANGES.md", "atlas/losses.Huber.md", "losses/Huber.html"),
        ("spec/atlas/losses.Huber.md", "README.md#losses", "losses.html"),
        ("spec/atlas/LSTM.md", "README.md#how-a-question-is-asked",
         "atlas.html#how-a-question-is-asked"),
        ("spec/atlas/README.md", "../README.md#the-verdicts", "read.html#the-verdicts"),
        ("spec/CHANGES.md", "README.md#find-your-answer", "index.html#find-your-answer"),
        ("spec/README.md", "releases/tf2.15/results.jsonl", "data.html#tf2.15"),
        ("spec/README.md", "https://keras.io/x#y", "https://keras.io/x#y"),
    ],
)  # fmt: skip
def test_links_of_our_markdown_lead_to_pages(project, page, href, address):
    assert Links(project).on_site(page, href) == address


def test_a_page_as_a_whole_keeps_its_own_anchors(project):
    assert Links(project).on_site("spec/loss.md", "#loss.x", whole=True) == "#loss.x"


@pytest.mark.parametrize(
    "at, to, link",
    [
        ("index.html", "c/a.b.html", "c/a.b.html"),
        ("c/a.b.html", "index.html#top", "../index.html#top"),
        ("code/tests/test_a.py.html", "c/a.b.html", "../../c/a.b.html"),
        ("c/a.b.html", "https://keras.io/", "https://keras.io/"),
        ("c/a.b.html", "#here", "#here"),
    ],
)
def test_links_are_relative_to_their_page(at, to, link):
    assert relative(at, to) == link


def test_headings_have_the_anchors_of_the_code_host_and_skip_no_level(project):
    assert slug("How a question is `asked`?", []) == "how-a-question-is-asked"
    assert slug("Again", ["again"]) == "again-1"
    html = Markdown(Links(project)).page("#### A\n\n##### B\n\n## C", "spec/loss.md", "c/x.html")
    assert re.findall(r"<h(\d) id=\"(\w)\"", html) == [("3", "a"), ("4", "b"), ("2", "c")]


def test_code_is_highlighted_and_escaped(project):
    page = Markdown(Links(project)).page("```python\nx = '<b>'\n```", "spec/loss.md", "c/x.html")
    assert '<pre class="code" tabindex="0"><code>' in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_section_ends_at_the_next_heading_as_high():
    text = "# A\n\n## B\nb\n\n### C\nc\n\n## D\nd\n"
    assert section(text, "## B") == "b\n\n### C\nc"
    assert section(text, "### C") == "c"
    with pytest.raises(ValueError, match="there is no heading"):
        section(text, "## E")


def test_helpers_are_found_across_modules_the_nearest_first(tmp_path):
    support = tmp_path / "tests" / "support"
    support.mkdir(parents=True)
    (support / "far.py").write_text("LIMIT: int = 3\n\n\ndef deep():\n    return LIMIT\n")
    (tmp_path / "tests" / "test_a.py").write_text(
        "import os\nfrom tests.support.far import deep as down\n\nBATCH, STEPS = 1, 2\n\n\n"
        "def near():\n    return down(), os.name\n\n\n"
        "@mark(BATCH)\ndef test_it():\n    '''A < B.'''\n    assert near()\n"
    )
    code = Code(tmp_path)
    test = code.test("tests/test_a.py", "test_it")
    assert (test.line, test.path) == (11, "tests/test_a.py")
    assert test.html.startswith('<span class="nd">@mark</span>')
    assert "A &lt; B" in test.html
    found = [(one.name, one.path) for one in code.helpers("tests/test_a.py", "test_it")]
    assert sorted(found[:2]) == [("BATCH", "tests/test_a.py"), ("near", "tests/test_a.py")]
    assert found[2:] == [("deep", "tests/support/far.py"), ("LIMIT", "tests/support/far.py")]


@pytest.mark.parametrize(
    "family, now, words",
    [
        (
            "layers",
            {"results.use": "at valid steps", "out.mask": "none", "results.leak": "no"},
            "uses the mask, hands no mask on, and lets no masked value leak into its results",
        ),
        (
            "layers",
            {"out.mask": "raises ValueError"},
            "raises ValueError when its input carries a mask",
        ),
        ("layers", {"out.unmasked": "one of its own"}, "makes a mask of its own"),
        ("layers", {"out.mask": "something new"}, "output's mask: something new"),
        ("layers", {}, "was not asked"),
        (
            "losses",
            {"loss-fit.divisor": "all steps", "loss-hand.mask": "the mask is not used"},
            "is divided by all steps in a compiled model, and ignores the mask when called by hand",
        ),
    ],
)
def test_the_answer_of_a_subject_in_words(family, now, words):
    assert says(family, now) == words


def test_a_family_without_words_of_its_own_answers_with_its_first_questions(monkeypatch):
    heads = {"new.a": "its loss", "new.b": "its mask", "new.c": "saved", "new.d": "more"}
    monkeypatch.setitem(FIRST, "novelties", heads)
    now = {"new.a": "the sum", "new.c": "the same", "new.d": "no"}
    assert says("novelties", now) == "its loss: the sum, and saved: the same"


def test_a_run_of_the_matrix_ends_where_the_implementation_does(project):
    groups = columns(project, ["tf2.14", "tf2.15", "keras3.14-tensorflow", "keras3.15-tensorflow"])
    values = {"tf2.14": "holds", "tf2.15": "holds", "keras3.14-tensorflow": "holds"}
    found = list(runs(values, groups, {"holds": "holds"}))
    assert [(r.word, r.css, r.span, r.first) for r in found] == [
        ("holds", "holds", 2, True),
        ("holds", "holds", 1, True),
        ("", "none", 1, False),
    ]


def test_a_gpu_is_told_from_a_cpu_and_stands_behind_it(project):
    jax = [g for g in columns(project, project.all_records) if g.key == "keras-jax"][0]
    assert [whole_title(cell) for cell in jax.cells][-2:] == [
        "Keras 3.15 on JAX",
        "Keras 3.15 on JAX, with a GPU",
    ]


def test_runs_of_the_upgrade_cover_every_cell():
    assert upgrade_runs({"a": 0, "b": 0, "d": 2}, ["a", "b", "c", "d"]) == [0, 2, -1, 1, 2, 1]


def test_no_template_or_script_is_unused():
    house = ROOT / "maskspec" / "site"
    code = "\n".join(
        p.read_text(encoding="utf-8") for p in house.rglob("*.*") if p.suffix != ".pyc"
    )
    for path in (*(house / "templates").iterdir(), *(house / "static").iterdir()):
        assert code.count(f'{Path(path).name}"') + code.count(f'/{path.name}"') > 0, path
