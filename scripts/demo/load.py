"""Fills a platform with tenants and jobs: load.py FILE. Called by load.sh, with the variables of .local/demo.env.

FILE keeps the users with their keys. What is there already stays: Applications and Clients by name, jobs by the name in
their metadata.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import sample
import yaml
from applications import MISTAKES, applications
from vbrain import Client, Error

URL = os.environ["VBRAIN_URL"]
os.environ["NO_PROXY"] = "*"  # it is the address of this machine
PART = {"app.kubernetes.io/part-of": "demo-load"}
# (organization, application, client): {user: role}
TENANTS = {
    ("acme", "Forecast", "north"): {"ana": "leader", "bruno": "developer", "carla": "stakeholder"},
    ("acme", "Forecast", "south"): {"dora": "leader", "emil": "developer"},
    ("globex", "Forecast", "retail"): {"fatima": "leader"},
    ("acme", "Workshop", "north"): {"ana": "leader", "bruno": "developer"},
    ("acme", "Overnight", "north"): {"ana": "leader"},
    **{("acme", name, "north"): {"ana": "leader"} for name in MISTAKES},
}
FAILURES = {  # name of the job: what it does
    "A good one": "finish", "Prices with a text in row 12": "fail", "A crash": "crash", "All stores at once": "use too much memory",
    "A result that is not JSON": "write a wrong result", "An output of 8 MB": "write too much", "Folders in folders": "write too deep",
    "Longer than it may": "take too long",
}


def kubectl(*arguments, stdin=None):
    done = subprocess.run(["kubectl", "-n", os.environ["VBRAIN_NAMESPACE"], *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"kubectl {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def keygen(username, role):
    """A new key, and the entry for a Client's members."""
    text = subprocess.run(["api-server", "keygen", "--username", username, "--role", role], capture_output=True, text=True, check=True).stdout
    return re.search(r"vb_[a-z0-9]+_[0-9A-Za-z]+", text)[0], yaml.safe_load(re.search(r"^ *- .*", text, re.MULTILINE | re.DOTALL)[0])[0]


def resource_name(tenant):
    return "demo-" + "-".join(tenant).lower()


def make_tenants(file):
    """{tenant: {user: key}}. A key that the cluster still has is kept."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    known = {key["id"] for client in json.loads(kubectl("get", "vclient", "-l", "app.kubernetes.io/part-of=demo-load", "-o", "json"))["items"]
             for member in client["spec"]["members"] for key in member.get("keys", [])}
    keys, objects = {}, []
    for tenant, roles in TENANTS.items():
        old = kept.get("/".join(tenant), {})
        if set(old) == set(roles) and all(key.split("_")[1] in known for key in old.values()):
            keys[tenant] = old
            continue
        made = {user: keygen(user, role) for user, role in roles.items()}
        keys[tenant] = {user: key for user, (key, _) in made.items()}
        organization, application, client = tenant
        objects.append({"apiVersion": "vbrain.visagio.com/v1", "kind": "Client", "metadata": {"name": resource_name(tenant), "labels": PART},
                        "spec": {"organizationId": organization, "applicationId": application, "clientId": client,
                                 "members": [entry for _, entry in made.values()]}})
    file.touch(mode=0o600)
    file.write_text(json.dumps({"/".join(tenant): users for tenant, users in keys.items()}, indent=1))
    if objects:
        kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(item) for item in objects))
    return keys


class Tenant:
    """The jobs of one tenant, as its first user (a leader) or another one."""

    def __init__(self, tenant, keys):
        self.name, self.keys = tenant, keys
        self.leader = next(iter(keys))
        self._wait_until_known()
        self.known = set(self._names())

    def client(self, user=None):
        organization, application, client = self.name
        user = user or self.leader
        return Client(URL, username=user, organization_id=organization, application_id=application, client_id=client,
                      api_key=self.keys[user], progress=False)

    def ask(self, method, path, body=None, **headers):
        organization, application, client = self.name
        return httpx.request(method, f"{URL}/api/v1/{path}", json=body, timeout=60, headers={
            "username": self.leader, "organization_id": organization, "application_id": application, "client_id": client,
            "x-api-key": self.keys[self.leader], **headers})

    def _wait_until_known(self):
        """A job of a repository that is not there: 404 as soon as the server knows the key and the Application."""
        for _ in range(120):
            if self.ask("POST", "job/execute", repository_id="200001010000000000").status_code == 404:
                return
            time.sleep(0.5)
        sys.exit(f"{'/'.join(self.name)} is not known after a minute: kubectl get vclient {resource_name(self.name)} -o yaml")

    def _names(self):
        path = "job?view=full&page_size=1000"
        while path:
            answer = self.ask("GET", path)
            answer.raise_for_status()
            yield from (job.get("name") for job in answer.json())
            path = f"job{answer.links['next']['url']}" if "next" in answer.links else None

    def run(self, name, params=None, user=None, **more):
        """The new job, or None if there is one of this name."""
        if name in self.known:
            return None
        with self.client(user) as client:
            return client.run(params=params, metadata={"name": name}, **more)


def forecasts(tenant, users, book, months):
    for number, month in enumerate(months):
        tenant.run(f"Demand forecast, {month}", {"column": ("north", "south")[number % 2], "horizon": 6 + number % 7},
                   user=users[number % len(users)], files=str(book))


def sweep(tenant, book):
    """Twenty jobs over one repository, which differ in one param, in one submission."""
    name = "Smoothing, 5 to 100 %"
    if name in tenant.known:
        return
    with tenant.client() as client:
        repository = client.create_repository({"column": "north"}, files=str(book), metadata={"name": "Sales, five years"})
    jobs = {"params": [{"smoothing": step / 20} for step in range(1, 21)], "metadata": {"name": name}}
    tenant.ask("POST", "job/batch", jobs, repository_id=repository).raise_for_status()


def stopped(tenant, name, how):
    """A job that takes long; `how` is cancel or suspend."""
    job = tenant.run(name, {"do": "take too long"})
    if job is not None:
        tenant.ask("POST", f"job/{job.id}/{how}").raise_for_status()


def main(file):
    image = kubectl("get", "vapp", "tutorial", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
    kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(item) for item in applications(image)))
    print("Applications and Clients …", flush=True)
    tenants = {name: Tenant(name, keys) for name, keys in make_tenants(file).items()}
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder) / "sales.xlsx"
        sample.write(book)
        print("forecasts and a sweep …", flush=True)
        north = tenants["acme", "Forecast", "north"]
        forecasts(north, ["ana", "bruno"], book, ["January", "February", "March", "April", "May", "June"])
        forecasts(tenants["acme", "Forecast", "south"], ["dora", "emil"], book, ["January", "February", "March"])
        forecasts(tenants["globex", "Forecast", "retail"], ["fatima"], book, ["week 47", "week 48"])
        sweep(north, book)
        north.run("Prices, not saved as .xlsx", files={"prices.xlsx": b"this is no workbook", "readme.txt": b"saved as text"})
        north.run("A column that is not there", {"column": "west"}, files=str(book))
    print("failures …", flush=True)
    workshop = tenants["acme", "Workshop", "north"]
    for name, what in FAILURES.items():
        workshop.run(name, {"do": what})
    stopped(workshop, "Stopped by its user", "cancel")
    overnight = tenants["acme", "Overnight", "north"]
    for name in ("Night run, stores", "Night run, regions", "Night run, countries"):
        overnight.run(name, {"do": "take too long"})
    stopped(overnight, "Night run, put off", "suspend")
    for name in MISTAKES:
        tenants["acme", name, "north"].run(f"Its Application is wrong: {name}")
    tell(file)


def tell(file):
    print(f"\nThe page: {URL}/   Sign in as one of these; the keys are in {os.path.relpath(file)}.\n")
    print(f"  {'organization':14}{'application':18}{'client':10}users")
    for (organization, application, client), roles in TENANTS.items():
        print(f"  {organization:14}{application:18}{client:10}{', '.join(f'{user} ({role})' for user, role in roles.items())}")
    space = f"kubectl -n {os.environ['VBRAIN_NAMESPACE']}"
    print(f"""
To remove all of it, with the files (about a minute):

  . .local/demo.env
  {space} annotate vclient -l app.kubernetes.io/part-of=demo-load vbrain.visagio.com/purge=confirm
  {space} wait vclient -l app.kubernetes.io/part-of=demo-load --for=jsonpath='{{.metadata.finalizers[0]}}'=vbrain.visagio.com/purge --timeout=60s
  {space} delete vclient,vapp -l app.kubernetes.io/part-of=demo-load
  rm {os.path.relpath(file)}
""")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Error as problem:
        sys.exit(f"the server refused: {problem}")
