"""The objects that the chart renders: Pod Security, rights, volumes, names that the programs use. Needs $HELM, no cluster."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rendering import (CHART, KUBE_VERSION, MODES, ROOT, check, environment, expect, finish, helm, named, of_kind, pod_of, render,
                       restricted_violations, skip)


def test_lint():
    for mode, settings in MODES.items():
        flags = [flag for setting in settings for flag in ("--set", setting)]
        answer = helm("lint", "--strict", CHART, "--set", "tutorial.enabled=true", *flags)
        check(f"helm lint --strict, {mode}", answer.returncode and answer.stdout)


def test_values():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def differences(value, part, path):
        part = schema["definitions"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
        if "properties" not in part or not isinstance(value, dict):
            return []
        known = set(part["properties"])
        # resources has optional parts; values.yaml lists all other values.
        different = [f"{path}.{key}" for key in (set(value) - known if "claims" in known else set(value) ^ known)]
        return different + [d for key in set(value) & known for d in differences(value[key], part["properties"][key], f"{path}.{key}")]

    expect("values.yaml and its schema name the same values", [], sorted(differences(values, schema, "")))
    refusals = {
        "an unknown value": "apiServer.replica=2",
        "a path that is not absolute": "volume.hostPath.path=srv",
        "root's group for the volume": "volume.gid=0",
        "an unknown type of Service": "apiServer.service.type=Ingress",
        "a tag that is a number": "apiServer.image.tag=2",
        "an unknown log level": "controller.logLevel=loud",
        "a log level that the programs do not know": "apiServer.logLevel=warn",
        "more threads than the program takes": "apiServer.ioThreads=65",
        "more workers than the program takes": "controller.workers=65",
        "a digest that is none": "apiServer.image.digest=sha256:1",
        "an unknown setting of an Ingress": "apiServer.ingress.host=x",
    }
    for what, setting in refusals.items():
        answer = helm("template", "vbrain", CHART, "--kube-version", KUBE_VERSION, "--set", setting)
        check(f"{what} is refused", None if "schema" in answer.stderr else answer.stderr or "was accepted")
    answer = helm("template", "vbrain", CHART, "--kube-version", "1.30.0")
    check("a Kubernetes that is too old is refused", None if "kubeVersion" in answer.stderr else "was accepted")


def test_copies():
    sync = ROOT / "scripts" / "sync-chart.sh"
    check("the chart's copies are those of their sources", subprocess.run([sync, "--check"], capture_output=True, check=False).returncode)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "files"
        shutil.copytree(CHART / "files", copy)
        with (copy / "crds" / "job.yaml").open("a") as file:
            file.write("# edited\n")
        answer = subprocess.run([sync, "--check"], capture_output=True, check=False, env={**os.environ, "CHART_FILES": str(copy)})
        check("an edited copy is seen", None if answer.returncode else "was not")
        (copy / "crds" / "job.yaml").unlink()
        answer = subprocess.run([sync, "--check"], capture_output=True, check=False, env={**os.environ, "CHART_FILES": str(copy)})
        check("a missing copy is seen", None if answer.returncode else "was not")


def test_definitions(objects):
    definitions = of_kind(objects, "CustomResourceDefinition")
    expect("the four definitions are installed", 4, len(definitions))
    for definition in definitions:
        source = ROOT / "crds" / f"{definition['spec']['names']['singular']}.yaml"
        expect(f"{definition['metadata']['name']} is that of crds/", yaml.safe_load(source.read_text()), definition)
    expect("and can be left out", [], of_kind(render("crds.install=false"), "CustomResourceDefinition"))
    test_removal()


def test_removal():
    """An uninstall can remove the definitions. Every uninstall removes the finalizer from Jobs at its end."""
    objects = render("crds.keep=false")
    expect("definitions that are not kept go with the release", [None] * 4,
           [d["metadata"]["annotations"].get("helm.sh/resource-policy") if "annotations" in d["metadata"] else None
            for d in of_kind(objects, "CustomResourceDefinition")])
    hooks = [o for o in objects if o["metadata"].get("annotations", {}).get("helm.sh/hook", "test") != "test"]
    first = [o for o in hooks if o["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"]
    expect("an uninstall begins with an object that a namespace being deleted refuses", ["ConfigMap"], [o["kind"] for o in first])
    hooks = [o for o in hooks if o not in first]
    expect("Jobs are released after everything else is gone", (["Job", "Role", "RoleBinding", "ServiceAccount"], {"post-delete"}),
           (sorted(o["kind"] for o in hooks), {o["metadata"]["annotations"]["helm.sh/hook"] for o in hooks}))
    expect("also when the definitions are kept", of_kind(objects, "Job"), of_kind(render(), "Job"))
    pod = of_kind(objects, "Job")[0]["spec"]["template"]["spec"]
    check("by a pod that is restricted", restricted_violations(pod))
    expect("and has the controller's time to end", pod_of(objects, "vbrain-controller")["terminationGracePeriodSeconds"],
           pod["terminationGracePeriodSeconds"])
    expect("under an account of its own", {hook["metadata"]["name"] for hook in hooks}, {pod["serviceAccountName"]})
    expect("while it holds the controllers' Lease", environment(pod_of(objects, "vbrain-controller"))["VBRAIN_LEASE_NAME"],
           environment(pod)["VBRAIN_LEASE_NAME"])


def test_mode(mode, objects):
    claim = "shared" if mode == "existing claim" else "vbrain-volume"
    for name in ("vbrain-api-server", "vbrain-controller"):
        pod = pod_of(objects, name)
        check(f"{mode}: {name} is restricted", restricted_violations(pod))
        expect(f"{mode}: {name} may write the volume by its group", [2000], pod["securityContext"]["supplementalGroups"])
        expect(f"{mode}: {name} mounts the claim", [claim],
               [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v])
    expect(f"{mode}: jobs get the same claim", claim, environment(pod_of(objects, "vbrain-controller"))["VBRAIN_VOLUME_CLAIM"])
    for item in of_kind(objects, "CustomResourceDefinition") + of_kind(objects, "PersistentVolumeClaim") + of_kind(objects, "PersistentVolume"):
        expect(f"{mode}: an uninstall keeps {item['kind']} {item['metadata']['name']}", "keep",
               item["metadata"].get("annotations", {}).get("helm.sh/resource-policy"))
    check(f"{mode}: nothing outside the namespace but definitions, the volume and the roles of people",
          sorted(f"{o['kind']} {o['metadata']['name']}" for o in objects
                 if o["kind"] in {"ClusterRole", "ClusterRoleBinding", "Namespace", "Secret", "StorageClass"}
                 and o["metadata"]["labels"]["app.kubernetes.io/component"] != "people"))


def test_volumes():
    existing = render(*MODES["existing claim"])
    expect("existing claim: no claim is made", [], of_kind(existing, "PersistentVolumeClaim") + of_kind(existing, "PersistentVolume"))

    static = render(*MODES["host path"], "volume.hostPath.nodeName=node1")
    claim, volume = of_kind(static, "PersistentVolumeClaim")[0], of_kind(static, "PersistentVolume")[0]
    expect("host path: claim and volume name each other", (claim["metadata"]["name"], "vbrain", volume["metadata"]["name"]),
           (volume["spec"]["claimRef"]["name"], volume["spec"]["claimRef"]["namespace"], claim["spec"]["volumeName"]))
    expect("host path: no class provisions anything", ("", ""), (claim["spec"]["storageClassName"], volume["spec"]["storageClassName"]))
    expect("host path: the data outlives the claim", "Retain", volume["spec"]["persistentVolumeReclaimPolicy"])
    expect("host path: a missing directory is an error, not a new one of root's", {"path": "/srv/vbrain", "type": "Directory"},
           volume["spec"]["hostPath"])
    expect("host path: the node can be named", ["node1"],
           volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"])
    check("host path: two namespaces do not share a volume's name",
          None if of_kind(render(*MODES["host path"], namespace="two"), "PersistentVolume")[0]["metadata"]["name"] != volume["metadata"]["name"]
          else "they do")

    dynamic = of_kind(render(*MODES["storage class"]), "PersistentVolumeClaim")[0]
    expect("storage class: the claim asks for it, for many nodes", ("nfs", ["ReadWriteMany"], "20Gi"),
           (dynamic["spec"]["storageClassName"], dynamic["spec"]["accessModes"], dynamic["spec"]["resources"]["requests"]["storage"]))
    check("storage class: empty means the cluster's default", "storageClassName" in of_kind(render(), "PersistentVolumeClaim")[0]["spec"] and "is set")
    expect("without fsGroup the pods have none", None, pod_of(render("volume.fsGroup=false"), "vbrain-controller")["securityContext"].get("fsGroup"))


def test_rights(objects):
    roles = {role["metadata"]["name"]: role for role in of_kind(objects, "Role")}
    rules = [(name, group, resource, verb) for name, role in roles.items() for rule in role["rules"]
             for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]]
    check("no right is a wildcard", [rule for rule in rules if "*" in rule])
    check("no right to read Secrets, run commands in pods or hand out rights",
          [rule for rule in rules if rule[2] in ("secrets", "pods/exec", "pods/attach", "roles", "rolebindings", "serviceaccounts/token")])
    check("the REST server touches no pods", [rule for rule in rules if rule[0] == "vbrain-api-server" and rule[1] != "vbrain.visagio.com"])
    # Each verb was seen in the API server's audit log, or is in the code for rare cases (get, patch of events).
    used = {("vbrain-api-server", "jobs", "create delete get list patch watch"), ("vbrain-api-server", "applications", "list watch"),
            ("vbrain-api-server", "clients", "list watch"), ("vbrain-api-server", "keys", "create delete list watch"),
            ("vbrain-api-server", "keys/status", "patch"), ("vbrain-controller", "jobs", "create delete get list patch watch"),
            ("vbrain-controller", "jobs/status", "update"), ("vbrain-controller", "applications", "list watch"),
            ("vbrain-controller", "clients", "get list patch watch"), ("vbrain-controller", "applications/status", "patch"),
            ("vbrain-controller", "clients/status", "patch"), ("vbrain-release-jobs", "clients", "list patch"),
            ("vbrain-controller", "pods", "create delete get list watch"), ("vbrain-controller", "namespaces", "get"),
            ("vbrain-controller", "events", "create list patch"), ("vbrain-controller", "leases", "create"),
            ("vbrain-controller", "leases", "get update"), ("vbrain-release-jobs", "jobs", "list patch"),
            ("vbrain-release-jobs", "leases", "create"), ("vbrain-release-jobs", "leases", "get update"),
            ("vbrain-release-jobs", "namespaces", "get")}
    expect("the programs may do what they do, and nothing else", used,
           {(name, resource, " ".join(sorted(rule["verbs"]))) for name, role in roles.items() for rule in role["rules"] for resource in rule["resources"]})
    accounts = {account["metadata"]["name"] for account in of_kind(objects, "ServiceAccount")}
    bound = {}
    for binding in of_kind(objects, "RoleBinding"):
        for subject in binding["subjects"]:
            bound[subject["name"]] = binding["roleRef"]["name"]
            expect(f"{binding['metadata']['name']} binds in its namespace", "vbrain", subject["namespace"])
    expect("each program has a Role of its own, jobs have none",
           {name: name for name in ("vbrain-api-server", "vbrain-controller", "vbrain-release-jobs")}, bound)
    expect("accounts", {"vbrain-api-server", "vbrain-controller", "vbrain-job", "vbrain-release-jobs"}, accounts)
    expect("no account hands its token to a pod by itself", [False] * 4,
           [account.get("automountServiceAccountToken") for account in of_kind(objects, "ServiceAccount")])
    for name in ("vbrain-api-server", "vbrain-controller"):
        pod = pod_of(objects, name)
        expect(f"{name} runs under its account, with a token", (name, True), (pod["serviceAccountName"], pod["automountServiceAccountToken"]))
    lease = environment(pod_of(objects, "vbrain-controller"))["VBRAIN_LEASE_NAME"]
    check("the controller may write its own Lease only",
          [rule for rule in roles["vbrain-controller"]["rules"] if "leases" in rule["resources"]
           and rule["verbs"] != ["create"] and rule.get("resourceNames") != [lease]])


def test_programs(objects):
    api, controller = pod_of(objects, "vbrain-api-server"), pod_of(objects, "vbrain-controller")
    for name, pod in (("api-server", api), ("controller", controller)):
        expect(f"{name}: variables of Services, called VBRAIN_… too, stay away", False, pod["enableServiceLinks"])
        container = pod["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        expect(f"{name}: probes ask the second port", {"metrics"},
               {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe", "startupProbe")})
        expect(f"{name}: that is 9090", 9090, ports["metrics"])
        expect(f"{name}: the image is of the chart's version", f"vbrain/{name}:{chart_version()}", container["image"])
        test_options(name, environment(pod))
    for name, setting, variable, value in (
            ("api-server", "apiServer.maxConnections=100", "VBRAIN_MAX_CONNECTIONS", "100"),
            ("api-server", "apiServer.limits.maxJsonMemory=100000000", "VBRAIN_MAX_JSON_MEMORY", "100000000"),
            ("api-server", "apiServer.timeouts.idle=5m", "VBRAIN_IDLE_TIMEOUT", "5m"),
            ("controller", "controller.retryBackoff=2s", "VBRAIN_RETRY_BACKOFF", "2s"),
            ("controller", "controller.podRetention.success=1m", "VBRAIN_POD_RETENTION_SUCCESS", "1m"),
            ("controller", "controller.podRetention.failure=0s", "VBRAIN_POD_RETENTION_FAILURE", "0s"),
            ("controller", 'controller.templateSecrets=["a","b"]', "VBRAIN_TEMPLATE_SECRETS", "a,b"),
            ("controller", "controller.lease.duration=30s", "VBRAIN_LEASE_DURATION", "30s")):
        expect(f"{setting} arrives", value, environment(pod_of(render(setting), f"vbrain-{name}"))[variable])
    expect("large numbers are written out", "10737418240", environment(api)["VBRAIN_MAX_UPLOAD_BYTES"])
    for service in of_kind(objects, "Service"):
        selector = service["spec"]["selector"]
        targets = [d for d in of_kind(objects, "Deployment") if selector.items() <= d["spec"]["template"]["metadata"]["labels"].items()]
        expect(f"Service {service['metadata']['name']} has one Deployment behind it", 1, len(targets))
        names = {port["name"] for port in targets[0]["spec"]["template"]["spec"]["containers"][0]["ports"]}
        check(f"Service {service['metadata']['name']} has the ports of its pods", {port["targetPort"] for port in service["spec"]["ports"]} - names)
    expect("REST and metrics on one Service inside the cluster", {"http": 8080, "metrics": 9090},
           {port["name"]: port["port"] for port in named(objects, "Service", "vbrain-api-server")["spec"]["ports"]})
    rest = render("apiServer.service.type=NodePort", "apiServer.service.nodePort=30080")
    expect("REST on a node port", [{"name": "http", "port": 8080, "targetPort": "http", "nodePort": 30080}],
           named(rest, "Service", "vbrain-api-server")["spec"]["ports"])
    expect("metrics are not exposed by it", "ClusterIP", named(rest, "Service", "vbrain-api-server-metrics")["spec"]["type"])


def chart_version():
    return yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]


def test_options(program, variables):
    """Every variable that the chart sets must be an option of the program, because a program ignores an unknown variable."""
    sources = [path for path in (ROOT / program).glob("*.cpp") if "config" in path.name]
    if not sources:
        skip(f"{program}: the chart sets options that exist")
        return
    code = "".join(path.read_text() for path in sources) + (ROOT / "lib" / "base" / "options.cpp").read_text()
    unknown = [name for name in variables if name.startswith("VBRAIN_") and f"--{name[7:].lower().replace('_', '-')}" not in code]
    expect(f"{program}: the chart sets options that exist", [], unknown)


def test_network(objects):
    policies = of_kind(objects, "NetworkPolicy")
    expect("one NetworkPolicy, for jobs", [{"matchLabels": {"app.kubernetes.io/managed-by": "vbrain", "app.kubernetes.io/component": "job"}}], [p["spec"]["podSelector"] for p in policies])
    expect("jobs reach nothing and are reached by nobody", (["Ingress", "Egress"], None, None),
           (policies[0]["spec"]["policyTypes"], policies[0]["spec"].get("ingress"), policies[0]["spec"].get("egress")))
    check("it selects no server", [d["metadata"]["name"] for d in of_kind(objects, "Deployment")
                                   if d["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] == "job"])
    rule = {"to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}]}
    expect("exceptions are passed on", [rule],
           of_kind(render(f"networkPolicy.jobEgress=[{json.dumps(rule)}]"), "NetworkPolicy")[0]["spec"]["egress"])
    expect("it can be left out", [], of_kind(render("networkPolicy.enabled=false"), "NetworkPolicy"))
    test_ways_out()


def test_ways_out():
    """Egress of the servers, for a namespace where everything is denied by default."""
    def ways_out(*settings):
        return {p["metadata"]["name"]: p["spec"].get("egress") for p in of_kind(render("networkPolicy.servers.enabled=true", *settings), "NetworkPolicy")
                if "Egress" in p["spec"]["policyTypes"] and p["metadata"]["name"] != "vbrain-job"}
    api, hooks = ({"to": [{"ipBlock": {"cidr": f"192.0.2.{n}/32"}}]} for n in (1, 2))
    expect("what the servers reach is not restricted unless asked for", {}, ways_out())
    expect("each program has its own ways out, and the pod of an uninstall those of the controller",
           {"vbrain-api-server": [api], "vbrain-controller": [api, hooks], "vbrain-release-jobs": [api, hooks]},
           ways_out(f"networkPolicy.servers.apiServerEgress=[{json.dumps(api)}]", f"networkPolicy.servers.controllerEgress=[{json.dumps(api)},{json.dumps(hooks)}]"))
    objects = render("networkPolicy.servers.enabled=true", f"networkPolicy.servers.controllerEgress=[{json.dumps(api)}]")
    policy, job = named(objects, "NetworkPolicy", "vbrain-release-jobs"), named(objects, "Job", "vbrain-release-jobs")
    check("the policy of an uninstall is made for its pod, and before it", None if policy["spec"]["podSelector"]["matchLabels"].items()
          <= job["spec"]["template"]["metadata"]["labels"].items() and policy["metadata"]["annotations"]["helm.sh/hook-weight"] == "-1" else policy)


def test_settings():
    for program, name in (("apiServer", "vbrain-api-server"), ("controller", "vbrain-controller")):
        one, two = render(), render(f"{program}.replicas=2")
        expect(f"{program}: no disruption budget for one replica", 0, len(of_kind(one, "PodDisruptionBudget")))
        expect(f"{program}: one for two", [name], [b["metadata"]["name"] for b in of_kind(two, "PodDisruptionBudget")])
        objects = render(
            f'{program}.extraArgs=["--log-level=debug"]', f'{program}.extraEnv=[{{"name":"TZ","value":"UTC"}}]', f"{program}.priorityClassName=high",
            f'{program}.nodeSelector={{"disk":"ssd"}}', f'{program}.tolerations=[{{"key":"k","operator":"Exists"}}]',
            f'{program}.affinity={{"nodeAffinity":{{}}}}', f'{program}.podLabels={{"team":"x"}}', f'{program}.podAnnotations={{"note":"y"}}',
            'imagePullSecrets=["registry"]', "imageRegistry=registry.example.com/team/", f"{program}.image.tag=edge")
        template = named(objects, "Deployment", name)["spec"]["template"]
        pod, container = template["spec"], template["spec"]["containers"][0]
        expect(f"{program}: settings arrive", {
            "args": ["--log-level=debug"], "env": {"name": "TZ", "value": "UTC"}, "priority": "high", "node": {"disk": "ssd"},
            "tolerations": [{"key": "k", "operator": "Exists"}], "affinity": {"nodeAffinity": {}}, "label": "x", "note": {"note": "y"},
            "secrets": [{"name": "registry"}],
            "image": f"registry.example.com/team/vbrain/{name.removeprefix('vbrain-')}:edge",
        }, {
            "args": container.get("args"), "env": container["env"][-1], "priority": pod.get("priorityClassName"), "node": pod.get("nodeSelector"),
            "tolerations": pod.get("tolerations"), "affinity": pod.get("affinity"), "label": template["metadata"]["labels"].get("team"),
            "note": template["metadata"].get("annotations"), "secrets": pod.get("imagePullSecrets"), "image": container["image"],
        })
        selector = named(objects, "Deployment", name)["spec"]["selector"]["matchLabels"]
        spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        own = {"labelSelector": {"matchLabels": {"a": "b"}}}
        expect(f"{program}: pods spread by their own labels, unless others are named",
               [{**spread, "labelSelector": {"matchLabels": selector}}, {**spread, **own}],
               pod_of(render(f"{program}.topologySpreadConstraints={json.dumps([spread, {**spread, **own}])}"), name)["topologySpreadConstraints"])
        expect(f"{program}: no budget if not wanted", [], of_kind(render(f"{program}.replicas=2", f"{program}.podDisruptionBudget.enabled=false"), "PodDisruptionBudget"))
        digest = f"sha256:{'0' * 64}"
        expect(f"{program}: an image by its digest", f"vbrain/{name.removeprefix('vbrain-')}@{digest}",
               pod_of(render(f"{program}.image.digest={digest}", f"{program}.image.tag=edge"), name)["containers"][0]["image"])
        check(f"{program}: the selector holds nothing that changes", set(selector) - {f"app.kubernetes.io/{x}" for x in ("name", "instance", "component")})
    expect("jobs get the registry's credentials", [{"name": "registry"}],
           named(render('imagePullSecrets=["registry"]'), "ServiceAccount", "vbrain-job").get("imagePullSecrets"))
    other = render(release="north")
    expect("another release's names", {"north-api-server", "north-controller"}, {d["metadata"]["name"] for d in of_kind(other, "Deployment")})
    check("the account of jobs has a fixed name", None if named(other, "ServiceAccount", "vbrain-job") else "")


def test_way_in():
    expect("no Ingress unless asked for", [], of_kind(render(), "Ingress"))
    ingress = of_kind(render("apiServer.ingress.enabled=true", "apiServer.ingress.className=nginx", 'apiServer.ingress.hosts=["a.example.com","b.example.com"]',
                             "apiServer.ingress.tlsSecret=certificate"), "Ingress")[0]["spec"]
    expect("an Ingress with TLS for its hosts", ("nginx", [{"secretName": "certificate", "hosts": ["a.example.com", "b.example.com"]}]),
           (ingress["ingressClassName"], ingress["tls"]))
    expect("it leads REST and the pages to the REST server, and nothing else",
           [(host, path, kind, "vbrain-api-server", "http") for host in ("a.example.com", "b.example.com")
            for path, kind in (("/api/v1", "Prefix"), ("/docs", "Prefix"), ("/web", "Prefix"), ("/", "Exact"))],
           [(rule["host"], path["path"], path["pathType"], path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"])
            for rule in ingress["rules"] for path in rule["http"]["paths"]])
    hidden = of_kind(render("apiServer.ingress.enabled=true", "apiServer.web=false", "apiServer.docs=false"), "Ingress")[0]["spec"]["rules"]
    expect("a page that is turned off has no way in", ["/api/v1"], [path["path"] for path in hidden[0]["http"]["paths"]])
    anywhere = of_kind(render("apiServer.ingress.enabled=true"), "Ingress")[0]["spec"]["rules"]
    expect("without hosts it is for any", [None], [rule.get("host") for rule in anywhere])
    balancer = ("apiServer.service.externalTrafficPolicy=Local", 'apiServer.service.loadBalancerSourceRanges=["192.0.2.0/24"]')
    service = named(render("apiServer.service.type=LoadBalancer", *balancer), "Service", "vbrain-api-server")["spec"]
    expect("a load balancer that keeps addresses and asks where from", ("Local", ["192.0.2.0/24"]),
           (service["externalTrafficPolicy"], service["loadBalancerSourceRanges"]))
    inside = named(render(*balancer), "Service", "vbrain-api-server")["spec"]
    check("which a Service inside the cluster must not have", set(inside) & {"externalTrafficPolicy", "loadBalancerSourceRanges"})


def test_webhooks():
    def parts(objects, program="controller"):
        pod = pod_of(objects, f"vbrain-{program}")
        container = pod["containers"][0]
        return {"variables": {v["name"]: v.get("value") for v in container["env"] if "WEBHOOK" in v["name"]},
                "volumes": [v["secret"] for v in pod["volumes"] if "secret" in v],
                "mounts": [m for m in container["volumeMounts"] if m["name"] == "webhook-secrets"]}
    none = {"VBRAIN_WEBHOOK_ALLOW": "", "VBRAIN_WEBHOOK_DENY": "", "VBRAIN_WEBHOOK_CA_FILE": ""}
    expect("webhooks are off", {"variables": none, "volumes": [], "mounts": []}, parts(render()))
    own = render('webhooks.allow=["hooks.example.com","*.corp.example"]', 'webhooks.deny=["198.52.0.0/16"]', "webhooks.caFile=/ca/ca.crt",
                 "controller.webhooks.secretName=hooks", 'controller.extraVolumeMounts=[{"name":"ca","mountPath":"/ca"}]')
    expect("hosts and secrets reach the controller", {
        "variables": {"VBRAIN_WEBHOOK_ALLOW": "hooks.example.com,*.corp.example", "VBRAIN_WEBHOOK_DENY": "198.52.0.0/16", "VBRAIN_WEBHOOK_CA_FILE": "/ca/ca.crt",
                      "VBRAIN_WEBHOOK_SECRETS": "/etc/vbrain/webhooks"},
        "volumes": [{"secretName": "hooks", "optional": True, "defaultMode": 0o440}],
        "mounts": [{"name": "webhook-secrets", "mountPath": "/etc/vbrain/webhooks", "readOnly": True}]}, parts(own))
    expect("the api-server gets the hosts and no secret", {"variables": {"VBRAIN_WEBHOOK_ALLOW": "hooks.example.com,*.corp.example"}, "volumes": [], "mounts": []},
           parts(own, "api-server"))


def test_tls():
    name = "vbrain-api-server"

    def parts(objects):
        pod = pod_of(objects, name)
        return {"port": pod["containers"][0]["ports"][0]["name"], "variables": {v["name"]: v.get("value") for v in pod["containers"][0]["env"] if "TLS" in v["name"]},
                "volumes": [v["secret"] for v in pod["volumes"] if "secret" in v],
                "mounts": [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "rest-certificate"],
                "service": [(p["name"], p["targetPort"], p.get("appProtocol")) for p in named(objects, "Service", name)["spec"]["ports"]],
                "test": named(objects, "Pod", "vbrain-test")["spec"]["containers"][0]["args"][1].startswith("--rest=https://")}

    expect("without a Secret all is HTTP", {"port": "http", "variables": {}, "volumes": [], "mounts": [],
                                            "service": [("http", "http", None), ("metrics", "metrics", None)], "test": False}, parts(render()))
    own = render("apiServer.tls.secretName=own", "apiServer.ingress.enabled=true", "networkPolicy.servers.enabled=true")
    expect("with one all is HTTPS, but for metrics and probes; the port keeps its name, which others' policies have", {
        "port": "http", "variables": {"VBRAIN_TLS_CERT": "/etc/vbrain/tls/tls.crt", "VBRAIN_TLS_KEY": "/etc/vbrain/tls/tls.key"},
        "volumes": [{"secretName": "own", "defaultMode": 0o440}],
        "mounts": [{"name": "rest-certificate", "mountPath": "/etc/vbrain/tls", "readOnly": True}],
        "service": [("http", "http", "https"), ("metrics", "metrics", None)], "test": True}, parts(own))
    expect("the key is not the world's unless there is no group for it", 0o444,
           parts(render("apiServer.tls.secretName=own", "volume.fsGroup=false"))["volumes"][0]["defaultMode"])
    check("the server is still restricted", restricted_violations(pod_of(own, name)))
    expect("probes stay on the port of the metrics", {"metrics"},
           {pod_of(own, name)["containers"][0][f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")})
    expect("the Ingress leads to that port", {"http"}, {path["backend"]["service"]["port"]["name"] for rule in of_kind(own, "Ingress")[0]["spec"]["rules"]
                                                        for path in rule["http"]["paths"]})
    expect("and the policy lets it in", {"http", "metrics"}, {p["port"] for rule in named(own, "NetworkPolicy", name)["spec"]["ingress"] for p in rule["ports"]})
    expect("no Certificate unless an issuer is named", [], of_kind(own, "Certificate"))
    made = render("apiServer.tls.certManager.issuerRef.name=ca", 'apiServer.tls.certManager.dnsNames=["vbrain.example.com"]', "apiServer.tls.certManager.duration=48h")
    certificate = of_kind(made, "Certificate")[0]["spec"]
    expect("a Certificate for the names of clients and of the Service", (
        "vbrain-api-server-tls", {"name": "ca", "kind": "Issuer", "group": "cert-manager.io"}, "48h", None,
        ["vbrain.example.com", name, f"{name}.vbrain", f"{name}.vbrain.svc", f"{name}.vbrain.svc.cluster.local"]),
           (certificate["secretName"], certificate["issuerRef"], certificate["duration"], certificate.get("renewBefore"), certificate["dnsNames"]))
    expect("whose Secret is mounted", "vbrain-api-server-tls", parts(made)["volumes"][0]["secretName"])
    check("for no address unless some are named", "ipAddresses" in certificate and certificate["ipAddresses"])
    elsewhere = of_kind(render("apiServer.tls.certManager.issuerRef.name=ca", 'apiServer.tls.certManager.ipAddresses=["192.0.2.7","2001:db8::7"]',
                               "apiServer.tls.certManager.clusterDomain=corp.example"), "Certificate")[0]["spec"]
    expect("for addresses, and for the Service in a cluster with a domain of its own", (["192.0.2.7", "2001:db8::7"], f"{name}.vbrain.svc.corp.example"),
           (elsewhere["ipAddresses"], elsewhere["dnsNames"][-1]))
    public = render("apiServer.tls.certManager.issuerRef.name=ca", 'apiServer.tls.certManager.dnsNames=["vbrain.example.com"]',
                    "apiServer.tls.certManager.onlyDnsNames=true", "apiServer.tls.secretName=own")
    expect("for a public authority only those of clients, in a Secret of another name", (["vbrain.example.com"], "own", "own"), (
        of_kind(public, "Certificate")[0]["spec"]["dnsNames"], of_kind(public, "Certificate")[0]["spec"]["secretName"], parts(public)["volumes"][0]["secretName"]))


def test_tutorial():
    source = yaml.safe_load((ROOT / "examples" / "tutorial" / "application.yaml").read_text())
    expect("no tutorial unless asked for", [], of_kind(render(), "Application"))
    application = of_kind(render("tutorial.enabled=true", "tutorial.image.tag=edge"), "Application")[0]
    container = application["spec"]["template"]["spec"]["containers"][0]
    expect("the tutorial's image is the chart's", ("vbrain/tutorial:edge", "IfNotPresent"), (container["image"], container.pop("imagePullPolicy")))
    container["image"] = source["spec"]["template"]["spec"]["containers"][0]["image"]
    expect("the rest is examples/tutorial/application.yaml", source["spec"], application["spec"])
    expect("which names the chart's version", f"vbrain/tutorial:{chart_version()}", container["image"])
    expect("it comes after its definition", "post-install,post-upgrade", application["metadata"]["annotations"]["helm.sh/hook"])


def main():
    test_lint()
    test_values()
    test_copies()
    for mode, settings in MODES.items():
        test_mode(mode, render(*settings, "tutorial.enabled=true"))
    objects = render("tutorial.enabled=true")
    test_definitions(objects)
    test_volumes()
    test_webhooks()
    test_rights(objects)
    test_programs(objects)
    test_network(objects)
    test_settings()
    test_way_in()
    test_tls()
    test_tutorial()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
