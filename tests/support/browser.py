"""A headless Chromium, told what to do over a pipe (Chrome DevTools Protocol). Needs Debian's chromium or
chromium-headless-shell; $VBRAIN_CHROMIUM names another one."""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time

# What a tab keeps of that which the browser tells unasked.
KEPT = {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.requestWillBeSent", "Audits.issueAdded",
        "Page.javascriptDialogOpening", "Page.fileChooserOpened", "Inspector.targetCrashed"}
LONGEST = 300  # characters of a URL that are kept


def find():
    """The program, or None."""
    names = (os.environ.get("VBRAIN_CHROMIUM"), "chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
    return next((path for path in map(shutil.which, filter(None, names)) if path), None)


class Chromium:
    """The program. Its tabs share nothing: each has a profile of its own."""

    def __init__(self, program):
        self.tabs = {}  # by session
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        def arrange():  # the browser reads from descriptor 3 and writes to 4
            os.dup2(theirs_in, 103)
            os.dup2(theirs_out, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self._process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
             f"--user-data-dir={self._profile.name}", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=arrange, close_fds=False)
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = bytearray()
        self._count = 0

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def tab(self):
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, session, context)

    def send(self, method, params, session=None):
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data):]
        return self._count

    def call(self, method, _session=None, **params):
        number = self.send(method, params, _session)
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            if answer.get("sessionId") in self.tabs:
                self.tabs[answer["sessionId"]].hear(answer)

    def _read(self, patience=120):
        end = time.monotonic() + patience
        searched = 0
        while (at := self._buffer.find(b"\0", searched)) < 0:
            searched = len(self._buffer)
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        message = bytes(self._buffer[:at])
        del self._buffer[:at + 1]
        return json.loads(message)


class Tab:
    """`events` has what the browser told unasked: log entries, exceptions, requests, dialogs."""

    def __init__(self, chromium, session, context):
        self.events = []
        self._chromium, self._session, self._context = chromium, session, context
        chromium.tabs[session] = self
        for domain in ("Page", "Runtime", "Log", "Audits"):
            self.call(f"{domain}.enable")
        self.call("Network.enable", maxTotalBufferSize=1 << 20, maxResourceBufferSize=1 << 20)

    def close(self):
        self._chromium.tabs.pop(self._session)
        self._chromium.call("Target.disposeBrowserContext", browserContextId=self._context)

    def allow_downloads(self, folder):
        self._chromium.call("Browser.setDownloadBehavior", behavior="allow", browserContextId=self._context, downloadPath=str(folder))

    def hear(self, event):
        if event["method"] == "Page.javascriptDialogOpening":  # it would hold the page
            self._chromium.send("Page.handleJavaScriptDialog", {"accept": False}, self._session)
        if event["method"] == "Network.requestWillBeSent":
            event = {"method": event["method"], "params": {"request": {"url": event["params"]["request"]["url"][:LONGEST]}}}
        if event["method"] in KEPT:
            self.events.append(event)

    def call(self, method, **params):
        return self._chromium.call(method, self._session, **params)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page. A promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def heard(self, method):
        """The parameters of the events of that name."""
        self.evaluate("1")  # all that was said before has come
        return [event["params"] for event in self.events if event["method"] == method]

    def complaints(self, network=True):
        """What the console has of errors: refused loads (Content-Security-Policy), exceptions; network: answers of 400 and above."""
        found = [entry["entry"]["text"] for entry in self.heard("Log.entryAdded")
                 if entry["entry"]["level"] == "error" and (network or entry["entry"]["source"] != "network")]
        for thrown in self.heard("Runtime.exceptionThrown"):
            found.append(thrown["exceptionDetails"].get("exception", {}).get("description") or thrown["exceptionDetails"]["text"])
        for said in self.heard("Runtime.consoleAPICalled"):
            if said["type"] == "error":
                found.append(str([argument.get("value") for argument in said["args"]]))
        return found

    def requested(self):
        """The URLs that the page has asked for."""
        return [event["request"]["url"] for event in self.heard("Network.requestWillBeSent")]


class Browser:
    """A Chromium with one tab: `with Browser(program) as tab`."""

    def __init__(self, program):
        self._chromium = Chromium(program)

    def __enter__(self):
        return self._chromium.tab()

    def __exit__(self, *_):
        self._chromium.close()
