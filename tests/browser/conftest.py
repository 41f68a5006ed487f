"""A real browser on the built site.

``MASKSPEC_SITE`` names a folder with a site that is built already; without it one is built.
``CHROMIUM`` names the browser.
"""

import http.server
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from maskspec.records.specification import load

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


SLOWEST = 30_000  # ms that anything may take on a busy machine


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder as the code host does: with the page 404.html for what is not there."""

    def log_message(self, *_):
        pass

    def send_error(self, code, *more):
        if code != 404:
            super().send_error(code, *more)
            return
        text = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture(scope="session")
def project():
    return load(ROOT)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder of the site."""
    if "MASKSPEC_SITE" in os.environ:
        return Path(os.environ["MASKSPEC_SITE"])
    out = tmp_path_factory.mktemp("site") / "out"
    subprocess.run([sys.executable, "-m", "maskspec", "site", str(out)], cwd=str(ROOT), check=True)
    return out


@pytest.fixture(scope="session")
def address(folder):
    """Where the site is served, with a slash at the end."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="session")
def chromium():
    known = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, known)), None)
    assert path, "no Chromium is installed here: apt-get install chromium, or set CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """One tab, and what went wrong in it."""

    def __init__(self, context, address):
        self.page = context.new_page()
        self.address, self.errors, self.asked = address, [], []
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path):
        self.page.goto(self.address + path, wait_until="networkidle")
        return self.page


@pytest.fixture
def tabs(chromium, address):
    """Open a tab: ``tabs(color_scheme="dark")``."""
    contexts = []

    def open_tab(**options):
        context = chromium.new_context(viewport={"width": 1366, "height": 768}, **options)
        context.set_default_timeout(SLOWEST)
        contexts.append(context)
        return Tab(context, address)

    yield open_tab
    for context in contexts:
        context.close()


@pytest.fixture
def tab(tabs):
    found = tabs()
    yield found
    assert found.errors == []
