"""A real browser by the W3C WebDriver protocol: Chromium, driven by its chromedriver."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver, §12
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
HAS_BROWSER = CHROMIUM is not None and CHROMEDRIVER is not None


class Browser:
    """One window with its own session."""

    def __init__(self, client: httpx.Client, *more: str) -> None:
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", *more]
        options = {"binary": CHROMIUM, "args": arguments}
        asked = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self._client = client
        self._session = client.post("/session", json=asked).raise_for_status().json()["value"]["sessionId"]

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, f"/session/{self._session}{path}", json=body)
        return answer.raise_for_status().json()["value"]

    def open(self, url: str) -> None:
        self._do("POST", "/url", {"url": url})

    def all(self, selector: str) -> list[str]:
        told = self._do("POST", "/elements", {"using": "css selector", "value": selector})
        return [one[ELEMENT] for one in told]

    def text(self, selector: str) -> str:
        """The visible text of all that matches, now."""
        script = (
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(one => one.checkVisibility()).map(one => one.innerText)"
        )
        return "\n".join(self.run(script, selector))

    def click(self, selector: str) -> None:
        self._do("POST", f"/element/{self.all(selector)[0]}/click", {})

    def send(self, selector: str) -> None:
        """Click what leads to another page, and wait until that is there."""
        [before] = self.all("html")
        self.click(selector)
        for _ in range(600):
            try:
                self._do("GET", f"/element/{before}/name")
            except httpx.HTTPStatusError:  # the old page's elements are no more
                break
            time.sleep(0.05)
        while (
            self._do("POST", "/execute/sync", {"script": "return document.readyState", "args": []})
            != "complete"
        ):
            time.sleep(0.05)

    def type(self, selector: str, text: str) -> None:
        self._do("POST", f"/element/{self.all(selector)[0]}/value", {"text": text})

    def press(self, keys: str) -> None:
        """Keys to whatever has the focus: "\ue004" is Tab, "\ue007" Enter."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self._do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script: str, *arguments: Any) -> Any:
        """What a script in the page hands to its last argument."""
        return self._do("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def resize(self, width: int, height: int) -> None:
        """The size of the page itself, whatever the window has around it."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def command(self, name: str, parameters: Any) -> Any:
        """One command of the Chrome DevTools protocol."""
        return self._do("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def address(self) -> str:
        return str(self._do("GET", "/url"))

    def screenshot(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self._do("GET", "/screenshot"))

    def wait(self, selector: str, text: str, seconds: float = 240) -> None:
        """Until what matches says `text`."""
        until = time.monotonic() + seconds
        while text not in self.text(selector):
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} is not in {selector}: {self.text(selector)!r}")
            time.sleep(0.2)

    def close(self) -> None:
        self._do("DELETE", "")


@contextmanager
def browsers(count: int) -> Iterator[list[Browser]]:
    """So many browsers at once."""
    assert CHROMEDRIVER is not None
    process = subprocess.Popen([CHROMEDRIVER, "--port=0"], stdout=subprocess.PIPE, text=True)
    opened: list[Browser] = []
    try:
        assert process.stdout is not None
        line = next(one for one in process.stdout if "on port" in one and "started" in one)
        port = int(line.rstrip().rstrip(".").rpartition(" ")[2])
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            _until_ready(client)
            opened.extend(Browser(client) for _ in range(count))
            yield opened
            for one in opened:
                one.close()
    finally:
        process.terminate()
        process.wait()


def _until_ready(client: httpx.Client) -> None:
    for _ in range(300):
        try:
            if client.get("/status").json()["value"]["ready"]:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("chromedriver")
