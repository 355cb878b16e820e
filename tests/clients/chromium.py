"""A page in Chromium that is of another origin than the server, with modules of npm packages."""

from __future__ import annotations

import functools
import http.server
import json
import os
import ssl
import threading
import urllib.request
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright
from trial import KEY, SPEECH, URL

HERE = Path.cwd()


def secret(seconds: int = 600, **session: Any) -> str:
    """A fresh client secret, as a backend would mint it."""
    asked = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
    if session:
        asked["session"] = {"type": "realtime", **session}
    request = urllib.request.Request(
        f"{URL}/realtime/client_secrets",
        json.dumps(asked).encode(),
        {"Authorization": f"Bearer {KEY}"},
    )
    trusted = os.environ.get("NODE_EXTRA_CA_CERTS")
    context = ssl.create_default_context(cafile=trusted) if URL.startswith("https") else None
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        return json.load(answer)["value"]


def microphone(before: float) -> Path:
    """Silence, somebody who asks for the weather, silence."""
    file = HERE / f"microphone-{before}.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(24000)
        out.writeframes(bytes(round(before * 24000) * 2) + SPEECH + bytes(60 * 48000))
    return file


def site(folder: Path, page: str) -> str:
    """The page, and the files of `folder`, at an origin of their own."""

    class Site(http.server.SimpleHTTPRequestHandler):
        extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
            ".mjs": "text/javascript"
        }

        def do_GET(self) -> None:
            if self.path == "/":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())
            else:
                super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Site, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://localhost:{server.server_address[1]}/"


@asynccontextmanager
async def browsing(origin: str, before: float = 50.0) -> AsyncIterator[Page]:
    """The page; its microphone is silent for so many seconds, then asks for the weather."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox", "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream", "--ignore-certificate-errors",
                f"--use-file-for-fake-audio-capture={microphone(before)}%noloop",
                "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
            ],
        )  # fmt: skip
        try:
            page = await browser.new_page()
            await page.goto(origin)
            yield page
        finally:
            await browser.close()


async def until(page: Page, expression: str, state: str = "seen.slice(-30)") -> None:
    """Wait for it; what the page saw is told where it never comes."""
    try:
        await page.wait_for_function(expression, timeout=25_000)
    except Exception:
        found = await page.evaluate(f"() => JSON.stringify({state})")
        raise AssertionError(f"{expression}: {found}") from None
