"""Pictures of each kind of page of a site: python tests/browser/pictures.py SITE OUT"""

import shutil
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from kinds import PAGES
from playwright.sync_api import sync_playwright

from conftest import Handler

LOOKS = {
    "wide": {"viewport": {"width": 1366, "height": 900}},
    "narrow": {"viewport": {"width": 390, "height": 844}},
    "dark": {"viewport": {"width": 1366, "height": 900}, "color_scheme": "dark"},
}


def main(site, out):
    """Write ``OUT/<kind>-<look>.png`` for each kind of page of the site that is built in SITE."""
    out.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for look, options in LOOKS.items():
            page = browser.new_context(**options).new_page()
            for kind, path in PAGES.items():
                address = f"http://127.0.0.1:{server.server_port}/{path}"
                page.goto(address, wait_until="networkidle")
                page.screenshot(path=str(out / f"{kind}-{look}.png"))
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
