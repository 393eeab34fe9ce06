"""The Kubernetes API through `requests`, for tests that poll: each kubectl call takes 0.1 s of CPU time."""

import atexit
import base64
import json
import tempfile
import threading
from pathlib import Path

import requests
import yaml

GROUP = "/apis/vbrain.visagio.com/v1"


class KubeApi:
    def __init__(self, kubeconfig, namespace):
        config = yaml.safe_load(Path(kubeconfig).read_text(encoding="utf-8"))
        cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        # requests accepts certificates only as files.
        folder = tempfile.TemporaryDirectory()
        atexit.register(folder.cleanup)
        self._files = {}
        for name, section, key in (("ca", cluster, "certificate-authority"), ("crt", user, "client-certificate"),
                                   ("key", user, "client-key")):
            self._files[name] = Path(folder.name) / name
            self._files[name].write_bytes(base64.b64decode(section[f"{key}-data"]))
        self.server = cluster["server"]
        self.namespace = namespace
        self._local = threading.local()

    def _session(self):
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False  # no proxies, no other CAs
            self._local.session.verify = str(self._files["ca"])
            self._local.session.cert = (str(self._files["crt"]), str(self._files["key"]))
        return self._local.session

    def request(self, method, path, body=None, content_type="application/json"):
        data = None if body is None else json.dumps(body)
        return self._session().request(method, self.server + path, data=data, headers={"content-type": content_type},
                                       timeout=30)

    def get(self, path, check=True):
        """The object, or None if there is none and `check` is false."""
        answer = self.request("GET", path)
        if answer.status_code == 404 and not check:
            return None
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def watch_object(self, path, version):
        """Yields the object after each change since the resourceVersion `version`."""
        collection, _, name = path.rpartition("/")
        url = f"{self.server}{collection}?watch=true&fieldSelector=metadata.name={name}&resourceVersion={version}"
        with self._session().get(url, stream=True, timeout=60) as answer:
            for line in answer.iter_lines():
                yield json.loads(line)["object"]

    def create(self, path, body):
        answer = self.request("POST", path, body)
        assert answer.status_code == 201, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def merge(self, path, patch):
        answer = self.request("PATCH", path, patch, "application/merge-patch+json")
        assert answer.status_code == 200, f"PATCH {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def delete(self, path):
        answer = self.request("DELETE", path)
        assert answer.status_code in (200, 202, 404), f"DELETE {path}: {answer.status_code} {answer.text}"

    # Paths in the installation's namespace.

    def ours(self, plural, name=""):
        return f"{GROUP}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def core(self, plural, name=""):
        return f"/api/v1/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def deployment(self, name):
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}"

    def lease(self, name):
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases/{name}"
