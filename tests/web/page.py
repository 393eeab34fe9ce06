"""A tab with the page in it, used as a person uses it: what is found is found by role and name, as a screen reader tells them.

Every method waits for what it needs, and fails with what it saw instead."""

import base64
import json
import re

from platform_client import wait_until

VIOLATIONS = "addEventListener('securitypolicyviolation', (event) => (window.refused ??= []).push(`${event.effectiveDirective} ${event.blockedURI}`))"
# The middle of the element in the window, if a click there reaches it.
MIDDLE = """function () {
  this.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
  const box = this.getBoundingClientRect();
  const x = box.x + box.width / 2, y = box.y + box.height / 2;
  const hit = document.elementFromPoint(x, y);
  return hit && (this.contains(hit) || hit.contains(this) || hit.closest('label')?.control === this) ? {x, y} : null;
}"""
KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35}


class Page:
    def __init__(self, tab, site):
        self.tab, self.site = tab, site
        self.size(1280, 900)
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=VIOLATIONS)

    # --- where

    def open(self, place=""):
        """place: a fragment such as #/jobs. The first call loads the page."""
        self.tab.open(self.site + "/" + place)

    def reload(self):
        self.tab.call("Page.reload")

    def language(self, tag):
        self.tab.call("Emulation.setUserAgentOverride", userAgent=self.tab.evaluate("navigator.userAgent"), acceptLanguage=tag)

    def theme(self, name):
        self.tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def network(self, offline=False, delay=0):
        """delay: milliseconds before each answer."""
        self.tab.call("Network.emulateNetworkConditions", offline=offline, latency=delay, downloadThroughput=-1, uploadThroughput=-1)

    def size(self, width, height):
        self.width = width
        self.tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    # --- finding

    def all(self, role, name=None):
        """The nodes of the accessibility tree; name: the whole name, or a compiled pattern that is searched in it."""
        root = self.tab.call("DOM.getDocument", depth=0)["root"]["backendNodeId"]
        exact = {"accessibleName": name} if isinstance(name, str) else {}
        nodes = self.tab.call("Accessibility.queryAXTree", backendNodeId=root, role=role, **exact)["nodes"]
        nodes = [node for node in nodes if not node["ignored"]]
        return [node for node in nodes if name is None or isinstance(name, str) or name.search(name_of(node))]

    def has(self, role, name=None):
        return bool(self.all(role, name))

    def find(self, role, name=None):
        """The only one of that role and name."""
        def only():
            nodes = self.all(role, name)
            return nodes[0] if len(nodes) == 1 else None
        try:
            return wait_until(f"one {role} {name!r}", only)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {[name_of(node) for node in self.all(role)][:40]}; the page shows: {self.text()[:1500]}") from None

    def property(self, node, name):
        """A state of the node, such as checked, pressed, focused, invalid, disabled, expanded; None if it has none."""
        fresh = self.tab.call("Accessibility.getPartialAXTree", backendNodeId=node["backendDOMNodeId"], fetchRelatives=False)["nodes"][0]
        return next((part["value"].get("value") for part in fresh.get("properties", []) if part["name"] == name), None)

    def text(self):
        return self.tab.evaluate("document.body.innerText")

    def see(self, *texts):
        for text in texts:
            try:
                wait_until(f"the page shows {text!r}", lambda text=text: (
                    text.search(self.text()) if isinstance(text, re.Pattern) else text in self.text()))
            except AssertionError as error:
                raise AssertionError(f"{error}; it shows: {self.text()[:3000]}") from None

    def see_no_more(self, text):
        wait_until(f"the page does not show {text!r} any more", lambda: text not in self.text())

    def settled(self, selector):
        """Waits until the element is there and all is drawn as it stays."""
        wait_until(f"{selector} is there", lambda: self.tab.evaluate(
            f"!!document.querySelector({selector!r}) && !document.querySelector('.waiting') && [...document.images].every((one) => one.complete) && document.getAnimations().every((one) => one.playState !== 'running')"))

    def heading(self, name):
        return self.find("heading", name)

    def fragment(self):
        return self.tab.evaluate("location.hash")

    # --- doing

    def on(self, node, function, *arguments):
        """Calls a JavaScript function with the element of the node as `this`."""
        element = self.tab.call("DOM.resolveNode", backendNodeId=node["backendDOMNodeId"])["object"]["objectId"]
        answer = self.tab.call("Runtime.callFunctionOn", objectId=element, functionDeclaration=function, returnByValue=True, awaitPromise=True,
                               arguments=[{"value": argument} for argument in arguments])
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def place(self, role, name=None):
        """(x, y) of the middle of the element, once it is where it stays."""
        seen = []

        def still():
            nodes = self.all(role, name)
            if len(nodes) != 1:
                return None
            try:
                seen.append(self.on(nodes[0], MIDDLE))
            except AssertionError:  # it was drawn anew meanwhile
                return None
            return seen[-1] if len(seen) > 1 and seen[-1] == seen[-2] else None

        try:
            found = wait_until(f"{role} {name!r} can be clicked", still)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {[name_of(node) for node in self.all(role)][:40]}; the page shows: {self.text()[:1500]}") from None
        return found["x"], found["y"]

    def click(self, role, name=None):
        x, y = self.place(role, name)
        self.tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.tab.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key, shift=False):
        code = KEYS[key]
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        text = {"Enter": "\r", " ": " "}.get(key)
        self.tab.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.tab.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.tab.call("Input.insertText", text=text)

    def fill(self, name, text, role="textbox"):
        """Replaces what is in a field."""
        self.on(self.find(role, name), "function () { this.focus(); this.select(); }")
        if text:
            self.type(text)
        else:
            self.tab.call("Input.dispatchKeyEvent", type="keyDown", key="Backspace", code="Backspace", windowsVirtualKeyCode=8)
        wait_until(f"{name!r} has the text", lambda: self.on(self.find(role, name), "function () { return this.value; }") == text)

    def choose(self, name, option):
        """An option of a select, by its text, as soon as it is there."""
        wait_until(f"{name!r} has an option {option!r}", lambda: self.on(self.find("combobox", name), """function (text) {
          const option = [...this.options].find((one) => one.text.includes(text));
          if (!option) return false;
          this.value = option.value;
          this.dispatchEvent(new Event('change', {bubbles: true}));
          return true; }""", option))

    def choose_files(self, button, *paths):
        """Answers the dialog for files that the button opens. A folder is one path."""
        self.tab.call("Page.setInterceptFileChooserDialog", enabled=True)
        before = len(self.tab.heard("Page.fileChooserOpened"))
        self.click("button", button)
        opened = wait_until("a dialog for files opens", lambda: self.tab.heard("Page.fileChooserOpened")[before:])[0]
        self.tab.call("DOM.setFileInputFiles", files=[str(path) for path in paths], backendNodeId=opened["backendNodeId"])

    def drop(self, selector, *paths):
        """Drags files or folders from outside into the page and lets them go there."""
        x, y = self.tab.evaluate(f"""(() => {{ const place = document.querySelector({selector!r}); place.scrollIntoView({{block: 'center'}});
          const box = place.getBoundingClientRect(); return [box.x + box.width / 2, box.y + 20]; }})()""")
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.tab.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    # --- signing in

    def fill_identity(self, identity, key=None):
        for name, value in (("Organization", identity.organization_id), ("Application", identity.application_id), ("Client", identity.client_id),
                            ("User", identity.username), ("Key", key or identity.key)):
            self.fill(name, value)

    def sign_in(self, identity, place="", keep=False):
        """Loads the page in English and signs in."""
        self.open(place)
        self.find("textbox", "Key")
        self.fill_identity(identity)
        if keep:
            self.click("checkbox", "Stay signed in until this tab is closed")
        self.click("button", "Sign in")
        self.find("navigation", "Main")

    def sign_in_anyhow(self, identity, ready=".table-row a", key=None):
        """By the ids of the fields, in any language."""
        for field, value in (("organization_id", identity.organization_id), ("application_id", identity.application_id), ("client_id", identity.client_id),
                             ("username", identity.username), ("x-api-key", key or identity.key)):
            self.tab.evaluate(f"(document.getElementById({field!r}).focus(), document.getElementById({field!r}).select())")
            self.type(value)
        self.press("Enter")
        self.settled(ready)

    # --- after a test

    def picture(self, file):
        file.parent.mkdir(parents=True, exist_ok=True)
        width, height, top = self.tab.evaluate("[document.documentElement.clientWidth, innerHeight, scrollY]")
        data = self.tab.call("Page.captureScreenshot", format="png", clip={"x": 0, "y": top, "width": width, "height": height, "scale": 1})["data"]
        file.write_bytes(base64.b64decode(data))

    def refused(self):
        """What the Content-Security-Policy refused since the page was loaded, and what else the page should not have done."""
        found = list(self.tab.evaluate("window.refused ?? []")) + self.tab.complaints(network=False)
        found += [f"a dialog: {dialog['message']}" for dialog in self.tab.heard("Page.javascriptDialogOpening")]
        found += [json.dumps(issue["issue"])[:500] for issue in self.tab.heard("Audits.issueAdded") if issue["issue"]["code"] == "ContentSecurityPolicyIssue"]
        found += [f"a request to {url}" for url in self.tab.requested() if not url.startswith((self.site + "/", "data:", f"blob:{self.site}/", "about:"))]
        if self.tab.evaluate("window.canary") is not None:
            found.append("the canary: something ran in the page")
        found += [f"the canary: {url}" for url in self.tab.requested() if "/canary" in url]
        return found


def name_of(node):
    return node.get("name", {}).get("value", "")
