"""Chromium, driven through its DevTools protocol over two pipes."""
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

CHROMIUM = shutil.which("chromium")
browsers = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
PATIENCE = 180      # seconds that a browser lives at most, whatever hangs
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
           "--no-first-run", "--disable-background-networking", "--disable-sync",
           "--disable-component-update", "--hide-scrollbars",
           "--remote-debugging-pipe"]
COMPLAINTS = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")


class Browser:
    """One page in one browser: with Browser(folder, file) as page: page.run("1")."""

    def __init__(self, folder, path, width=1280, height=900, dark=False, calm=False):
        """folder: for its profile; path: of the page's file."""
        self.events, self.count, self.session = [], 0, None
        command, self.to = os.pipe()
        self.back, answer = os.pipe()
        arguments = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(        # it reads from 3 and writes to 4
            ["bash", "-c", f'exec "$@" 3<&{command} 4>&{answer}', "bash", *arguments],
            pass_fds=(command, answer), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(command)
        os.close(answer)
        self.rest = b""
        self.limit = threading.Timer(PATIENCE, self._kill)
        self.limit.start()
        try:
            self._open(path, width, height, {
                "prefers-color-scheme": "dark" if dark else "light",
                "prefers-reduced-motion": "reduce" if calm else "no-preference"})
        except BaseException:
            self._end()
            raise

    def _open(self, path, width, height, features):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": name, "value": value} for name, value in features.items()])
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired"
                      for event in self.events):
            self.events.append(self._read())

    def call(self, method, **params):
        """Result of a command; what happens meanwhile is kept in events."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            found = self._read()
            if found.get("id") == self.count:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]
            self.events.append(found)

    def _read(self):
        while b"\0" not in self.rest:
            piece = os.read(self.back, 1 << 20)
            if not piece:
                raise RuntimeError(f"the browser has ended, or took {PATIENCE} s")
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def run(self, script):
        """Value of a script in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def press(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      text=text if kind == "keyDown" else "",
                      windowsVirtualKeyCode={"ArrowLeft": 37, "ArrowRight": 39,
                                             " ": 32, "Tab": 9}[key])

    def touch(self, *places):
        """A finger put down at the first (x, y), drawn along the others, and lifted."""
        self.call("Emulation.setTouchEmulationEnabled", enabled=True)
        for n, (x, y) in enumerate(places):
            self.call("Input.dispatchTouchEvent", type="touchMove" if n else
                      "touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    @property
    def complaints(self):
        """Errors, and whatever the console says: violations of the page's policy."""
        return [event for event in self.events if event["method"] in COMPLAINTS]

    @property
    def requests(self):
        """Addresses of all that was asked for."""
        return [event["params"]["request"]["url"] for event in self.events
                if event["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path):
        """A PNG of all of the page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session = None
        with contextlib.suppress(OSError, RuntimeError, subprocess.TimeoutExpired):
            self.call("Browser.close")
            self.process.wait(30)
        self._end()

    def _end(self):
        self.limit.cancel()
        self._kill()
        self.process.wait()
        os.close(self.back)
        os.close(self.to)

    def _kill(self):
        """End it and what it started: then nobody waits for its answer any more."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.contextmanager
def opened(folder, text, **options):
    """A page in Chromium: at the end nothing is wider than the screen, nothing was
    complained of, and nothing asked for."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    with Browser(folder / "profile", file, **options) as page:
        yield page
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.complaints == []
        assert [url for url in page.requests if not url.startswith("data:")] == [
            file.resolve().as_uri()]
