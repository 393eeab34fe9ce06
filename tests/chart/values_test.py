"""Names that YAML takes for something else, values that cannot work, and what a parent chart or a platform sets. Needs $HELM, no cluster."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rendering import CHART, HELM, check, environment, expect, finish, named, of_kind, pod_of, refusal, render, restricted_violations

# YAML 1.1 and 1.2 take these for numbers, truth values or nothing. Helm takes all of them as names of releases, namespaces as well.
NAMES = ["123", "1e3", "0x1f", "0o7", "1-2", "yes", "no", "on", "off", "y", "n", "true", "false", "null", "a.b", "x" * 53]
EVERYTHING = ["tutorial.enabled=true", "networkPolicy.servers.enabled=true", "apiServer.autoscaling.enabled=true", "controller.replicas=2",
              "apiServer.ingress.enabled=true", "volume.hostPath.path=/srv/vbrain",
              'rbac.operators=[{"kind":"User","name":"123"},{"kind":"ServiceAccount","name":"off"}]']
# Where a text must stand, whatever it looks like.
TEXTS = {"name", "namespace", "serviceAccountName", "claimName", "volumeName", "priorityClassName", "secretName", "ingressClassName",
         "value", "image", "storageClassName", "kubernetes.io/hostname"}


def not_texts(part, path=""):
    """Paths of values that should be texts and are not, and of labels and annotations that are not."""
    if isinstance(part, list):
        return [problem for i, item in enumerate(part) for problem in not_texts(item, f"{path}[{i}]")]
    if not isinstance(part, dict):
        return []
    found = [f"{path}.{key}: {value!r}" for key, value in part.items()
             if key in TEXTS and not isinstance(value, (str, dict, list)) or path.endswith((".labels", ".annotations", ".matchLabels"))
             and not isinstance(value, str)]
    found += [f"{path}.{key}: {part[key]!r}" for key in ("resourceNames", "values") if isinstance(part.get(key), list)
              and not all(isinstance(item, str) for item in part[key])]
    return found + [problem for key, value in part.items() for problem in not_texts(value, f"{path}.{key}")]


def test_names():
    for name in NAMES:
        objects = [item for item in render(*EVERYTHING, "crds.install=false", release=name, namespace=name.replace(".", "-"))]
        check(f"a release called {name}: every name, label and annotation is a text",
              "; ".join(problem for item in objects for problem in not_texts(item, item["kind"])))
        # RFC 1035: what a Service may be called.
        check(f"a release called {name}: the names of its Services are allowed",
              ", ".join(s["metadata"]["name"] for s in of_kind(objects, "Service") if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", s["metadata"]["name"])))
        expect(f"a release called {name}: its label", {name}, {d["metadata"]["labels"]["app.kubernetes.io/instance"] for d in of_kind(objects, "Deployment")})
    odd = ["apiServer.priorityClassName=1e3", "apiServer.ingress.enabled=true", "apiServer.ingress.className=off", "apiServer.ingress.tlsSecret=123",
           "volume.existingClaim=0x1f", 'imagePullSecrets=["123"]', 'apiServer.podLabels={"a":"yes"}', 'commonLabels={"b":"1"}',
           'commonAnnotations={"c":"no"}', "nameOverride=12"]
    text = [f"{key}={json.dumps(value)}" if not value.startswith(("[", "{", "true")) else f"{key}={value}" for key, value in (s.split("=", 1) for s in odd)]
    answer = subprocess.run([HELM, "template", "vbrain", CHART, *(f for s in text for f in ("--set-json", s))], capture_output=True, text=True, check=False)
    # Without --kube-version: helm must not assume a Kubernetes that is too old for the chart.
    check("values that look like numbers render, and helm asks for no version of Kubernetes", answer.returncode and answer.stderr)
    objects = [item for item in yaml.safe_load_all(answer.stdout) if item and item["kind"] != "CustomResourceDefinition"]
    check("and stay texts", "; ".join(problem for item in objects for problem in not_texts(item, item["kind"])))
    check("also the names of volumes", None if pod_of(objects, "vbrain-api-server")["volumes"][0]["persistentVolumeClaim"]["claimName"] == "0x1f" else "no")
    large = "1000680000"
    expect("large numbers of groups and users are written out", [int(large)] * 3, (lambda pod: [
        pod["securityContext"][key] for key in ("runAsUser", "fsGroup")] + pod["securityContext"]["supplementalGroups"])(
            pod_of(render(f'podSecurityContext={{"runAsUser":{large}}}', f"volume.gid={large}"), "vbrain-controller")))


REFUSED = [
    ("a lease shorter than its renewal", "controller.lease.renewDeadline: 7s must be shorter than controller.lease.duration (5s)", "controller.lease.duration=5s"),
    ("a retry that misses the renewal", "controller.lease.retryPeriod: 1.2 times 6s must be shorter than controller.lease.renewDeadline (7s)", "controller.lease.retryPeriod=6s"),
    ("a stall timeout that a slow volume reaches", "controller.stallTimeout: at least 5s", "controller.stallTimeout=4999ms"),
    ("no time between scans", "controller.scanInterval: at least 1s", "controller.scanInterval=0s"),
    ("sweeping what uploads still write", "controller.sweepAge: at least 1m", "controller.sweepAge=59s"),
    ("no time between walks", "controller.spaceInterval: at least 1s", "controller.spaceInterval=999ms"),
    ("a drain as long as the grace", "apiServer.terminationGracePeriodSeconds: 60s must be longer than apiServer.timeouts.drainDelay (2s) and "
     "apiServer.timeouts.drain (58s) together", "apiServer.timeouts.drain=58s"),
    ("a drain of hours", "must be longer than", "apiServer.timeouts.drain=1h"),
    ("a node port out of the range", "apiServer.service.nodePort: 80 is not in 30000-32767", "apiServer.service.nodePort=80", "apiServer.service.type=NodePort"),
    ("a node port of a Service inside the cluster", "Service of type ClusterIP has no node port", "apiServer.service.nodePort=30080"),
    ("REST on the port of metrics", "apiServer.service.port: 9090 is the port of the metrics", "apiServer.service.port=9090"),
    ("memory in MB", "apiServer.resources.limits.memory: 512MB is not a size", "apiServer.resources.limits.memory=512MB"),
    ("memory in thousandths of a byte", "there is no MB, KB or m", "controller.resources.limits.memory=512m"),
    ("memory of 512 bytes", "For megabytes write 512Mi", "controller.resources.limits.memory=512"),
    ("CPU in Mi", "is not an amount of CPU", "controller.resources.requests.cpu=100Mi"),
    ("a request above the limit", "controller.resources.requests.memory: 1Gi is more than the limit 512Mi", "controller.resources.requests.memory=1Gi"),
    ("JSON that fills the memory", "must be above five times the JSON that is under way at once", "apiServer.limits.maxJsonMemory=200000000"),
    ("bodies that fill the memory", "134217728 bytes, the larger of", "apiServer.limits.maxJsonBytes=33554432"),
    ("a registry with https://", "imageRegistry: https://registry.example.com is not a registry", "imageRegistry=https://registry.example.com"),
    ("a tag in the name of an image", "controller.image.repository: vbrain/controller:2 is not the name of an image", "controller.image.repository=vbrain/controller:2"),
    ("a name of an image in capitals", "lower case", "apiServer.image.repository=Team/api-server"),
    ("a digest as tag", "A digest goes into apiServer.image.digest", "apiServer.image.tag=sha256:1"),
    ("a host name with https://", "is not a host name", 'apiServer.ingress.hosts=["https://a.example.com"]'),
    ("a certificate for nobody", "apiServer.tls.certManager.dnsNames: must name the server", "apiServer.tls.certManager.issuerRef.name=ca",
     "apiServer.tls.certManager.onlyDnsNames=true"),
    ("names without an issuer", "apiServer.tls.certManager.issuerRef.name: must name the issuer", 'apiServer.tls.certManager.dnsNames=["a.example.com"]'),
    ("no time for a request's head", "apiServer.timeouts.header: must be longer than 0", "apiServer.timeouts.header=0s"),
    ("a /tmp smaller than its spool", "apiServer.tmpSizeLimit: 32Mi must be above 48Mi", "apiServer.tmpSizeLimit=32Mi"),
    ("a volume of no size", "volume.size: 0 leaves nothing", "volume.size=0"),
    ("a volume of 20 GB", "volume.size: 20GB is not a size", "volume.size=20GB"),
    ("a path upwards", "contains .., which Kubernetes refuses", "volume.hostPath.path=/srv/../etc"),
    ("a node without a path", "volume.hostPath.nodeName: it has an effect with volume.hostPath.path only", "volume.hostPath.nodeName=n1"),
    ("two places for the files", "both say where the files are", "volume.hostPath.path=/srv", "volume.existingClaim=shared"),
    ("an address instead of a range", "192.0.2.1 is not a range of addresses", 'apiServer.service.loadBalancerSourceRanges=["192.0.2.1"]'),
    ("more pods at least than at most", "apiServer.autoscaling.minReplicas: 9 is above", "apiServer.autoscaling.minReplicas=9"),
    ("autoscaling by an unknown share", "apiServer.resources.requests.cpu: apiServer.autoscaling.targetCPUUtilizationPercentage needs it",
     "apiServer.autoscaling.enabled=true", "apiServer.autoscaling.targetCPUUtilizationPercentage=200", "apiServer.resources.requests.cpu=null"),
    ("autoscaling by an amount that is none", "apiServer.autoscaling.targetCPU: 500Mi is not an amount of CPU", "apiServer.autoscaling.targetCPU=500Mi"),
    ("webhooks without a secret", "webhooks.allow: nothing is sent without a secret", 'webhooks.allow=["hooks.example.com"]'),
    *((f"webhooks to {entry}", f"webhooks.allow: {entry} is not a host such as hooks.example.com", f'webhooks.allow=["{entry}"]')
      for entry in ("https://hooks.example.com/in", "hooks.example.com/", "ftp://a", "10.1.2.0/33", "127.1", "*.10.1.2.3", "*", "a:b", "user@a", "a=", "a=b",
                    "a=10.1.2.0/24:8443", "10.1.2.0/24=10.1.2.0/24", "fd00::/129", "10.1.2.0/24:x")),
    ("a network of webhooks with more bits than its prefix", "webhooks: 10.1.2.3/24 is not a network", 'webhooks.allow=["a.example.com=10.1.2.3/24"]'),
    ("a name as a network without webhooks", "webhooks.deny: example.com is not a network", 'webhooks.deny=["example.com"]'),
    ("a volume with the name of ours", "apiServer.extraVolumes: tmp is the name of a volume of the chart", 'apiServer.extraVolumes=[{"name":"tmp"}]'),
    ("a mount over ours", "is mounted by the chart", 'controller.extraVolumeMounts=[{"name":"x","mountPath":"/var/lib/vbrain"}]'),
    ("a volume with the name of the certificate's", "apiServer.extraVolumes: rest-certificate is the name of a volume of the chart",
     'apiServer.extraVolumes=[{"name":"rest-certificate"}]', "apiServer.tls.secretName=own"),
    ("a mount over the certificate", "/etc/vbrain/tls is mounted by the chart", 'apiServer.extraVolumeMounts=[{"name":"x","mountPath":"/etc/vbrain/tls"}]',
     "apiServer.tls.secretName=own"),
    ("uploads that expire at once", "apiServer.uploadExpiry: at least 1m", "apiServer.uploadExpiry=0s"),
    ("a budget that lets nothing go, a number", "apiServer.podDisruptionBudget.maxUnavailable: with 0 no node", "apiServer.podDisruptionBudget.maxUnavailable=0"),
    ("a budget that lets nothing go, a share", "controller.podDisruptionBudget.maxUnavailable: with 0% no node", "controller.podDisruptionBudget.maxUnavailable=0%"),
    ("authorities that are not mounted", "webhooks.caFile: nothing is mounted at /ca/ca.crt", "webhooks.caFile=/ca/ca.crt",
     'controller.extraVolumeMounts=[{"name":"x","mountPath":"/c"}]'),
    ("ways out without policies", "networkPolicy.servers.enabled: must be true", 'networkPolicy.servers.controllerEgress=[{"to":[]}]'),
    ("addresses without an issuer", "apiServer.tls.certManager.issuerRef.name: must name the issuer", 'apiServer.tls.certManager.ipAddresses=["192.0.2.7"]'),
    ("removing definitions of others", "crds.keep: false has no effect", "crds.keep=false", "crds.install=false"),
    ("switching the chart off without a parent", "enabled: false has an effect in a parent chart only", "enabled=false"),
    ("two faults at once: the first", "apiServer.timeouts.body: 3 is not a time", "apiServer.timeouts.body=3", "volume.size=x"),
    ("two faults at once: the second", "volume.size: x is not a size", "apiServer.timeouts.body=3", "volume.size=x"),
]
CERTIFICATE = '[{"name":"rest-certificate","secret":{"secretName":"s"}}]', '[{"name":"rest-certificate","mountPath":"/etc/vbrain/tls"}]'
TAKEN = [
    ("name and path of the certificate, without TLS", f"apiServer.extraVolumes={CERTIFICATE[0]}", f"apiServer.extraVolumeMounts={CERTIFICATE[1]}"),
    ("name and path of the certificate, of the controller", f"controller.extraVolumes={CERTIFICATE[0]}", f"controller.extraVolumeMounts={CERTIFICATE[1]}",
     "apiServer.tls.secretName=own"),
    ("another range of node ports", "apiServer.service.nodePort=80", "apiServer.service.nodePortRange=1-32767", "apiServer.service.type=NodePort"),
    ("a smaller /tmp with a smaller spool", "apiServer.tmpSizeLimit=32Mi", 'apiServer.extraArgs=["--max-local-spool-bytes=1000000"]'),
    ("sizes of all forms", "apiServer.resources.limits.memory=1.5Gi", "apiServer.resources.requests.memory=64000000", "apiServer.resources.limits.cpu=2",
     "controller.resources.requests.cpu=0.5", "volume.size=1T", "apiServer.resources.limits.ephemeral-storage=1Gi"),
    ("no limit of memory", "apiServer.resources.limits=null", "controller.resources.limits=null"),
    ("times of all forms", "apiServer.timeouts.header=08s", "controller.nodeLossTimeout=1h", "controller.retryBackoff=1ms", "apiServer.timeouts.drainDelay=0s"),
    ("no replicas", "apiServer.replicas=0", "controller.replicas=0"),
    ("registries of all forms", "imageRegistry=registry.example.com:5000/team/a-b/", "controller.image.registry=127.0.0.1:30500", "tutorial.image.registry=localhost"),
    ("host names of all forms", 'apiServer.ingress.hosts=["*.example.com","a","a-b.example.com"]', "apiServer.ingress.enabled=true"),
    ("no budget at all", "apiServer.podDisruptionBudget.maxUnavailable=0", "apiServer.podDisruptionBudget.enabled=false"),
    ("authorities in a mounted folder", "webhooks.caFile=/ca/more/ca.crt", 'controller.extraVolumeMounts=[{"name":"x","mountPath":"/ca/"}]'),
    ("authorities as a mounted file", "webhooks.caFile=/ca.crt", 'controller.extraVolumeMounts=[{"name":"x","mountPath":"/ca.crt","subPath":"ca.crt"}]'),
    ("autoscaling by cores, without a request", "apiServer.autoscaling.enabled=true", "apiServer.autoscaling.targetCPU=2", "apiServer.resources.requests.cpu=null"),
    ("hosts of webhooks of all forms", 'webhooks.allow=["hooks.example.com","Eight.example.com:8443","any.example.com:*","*.corp.example","http://plain.example.com","a",'
     '"in.corp.example=10.1.2.0/24","http://in.corp.example:8080=10.1.3.128/25","*.lab.example:*=fd00::/8","10.1.2.0/24","http://10.1.2.3:*","0.0.0.0/0",'
     '"https://127.0.0.1/32:8443","[2001:db8::1]:8443","fd00::1","fd00::/8:*","x.3com","a_b.example.com"]', 'webhooks.deny=["198.51.100.0/24","198.51.100.7","2001:db8::/32"]',
     "controller.webhooks.secretName=hooks"),
    ("a range of IPv6", 'apiServer.service.loadBalancerSourceRanges=["2001:db8::/32"]'),
]


def test_refusals():
    for name, sentence, *settings in REFUSED:
        refusal(f"refused with a sentence: {name}", sentence, *settings)
    for name, *settings in TAKEN:
        try:
            render(*settings)
            check(f"taken: {name}", None)
        except RuntimeError as problem:
            check(f"taken: {name}", str(problem))
    schema = json.loads((CHART / "values.schema.json").read_text())

    def of_form(part, path=()):
        form = part.get("$ref", "").rsplit("/", 1)[-1]
        if form in ("duration", "quantity"):
            yield ".".join(path), form
        part = schema["definitions"].get(form, part)
        for key, value in part.get("properties", {}).items():
            yield from of_form(value, (*path, key))

    for path in ("controller.webhooks.secretName", "apiServer.ingress.tlsSecret", "volume.existingClaim", "apiServer.tls.secretName"):
        refusal(f"{path}: what is no name is refused", path.rsplit(".", 1)[1], f"{path}=My_Secret")
    refusal("controller.templateSecrets: what is no name is refused", "templateSecrets", 'controller.templateSecrets=["A B"]')
    refusal("webhooks.caFile: a path that is not absolute is refused", "caFile", "webhooks.caFile=ca.crt")
    refusal("an address that is none is refused", "ipAddresses", "apiServer.tls.certManager.issuerRef.name=ca", 'apiServer.tls.certManager.ipAddresses=["example.com"]')
    for path, form in of_form(schema):
        refusal(f"{path}: what is no {form} is refused with a sentence", f"{path}: 7 apples is not a {'time' if form == 'duration' else 'size'}", f"{path}=7 apples")


def test_as_a_dependency():
    """A chart of somebody else that has ours as a part."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    with tempfile.TemporaryDirectory() as folder:
        parent = Path(folder)
        shutil.copytree(CHART, parent / "charts" / "vbrain")
        (parent / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [
            {"name": "vbrain", "version": version, "repository": "", "condition": "vbrain.enabled"}]}))

        def part(**values):
            (parent / "values.yaml").write_text(yaml.safe_dump(values))
            answer = subprocess.run([HELM, "template", "site", parent], capture_output=True, text=True, check=False)
            if answer.returncode:
                return answer.stderr
            return [item for item in yaml.safe_load_all(answer.stdout) if item]

        expect("a parent chart can leave it out", [], part(vbrain={"enabled": False}))
        objects = part(**{"global": {"imageRegistry": "site.example.com", "imagePullSecrets": ["site"], "storageClass": "fast"},
                          "vbrain": {"enabled": True, "fullnameOverride": "jobs", "podSecurityContext": {"runAsUser": None}}})
        pod = pod_of(objects, "jobs-controller")
        expect("and set its values", (f"site.example.com/vbrain/controller:{yaml.safe_load((CHART / 'Chart.yaml').read_text())['appVersion']}", [{"name": "site"}], None),
               (pod["containers"][0]["image"], pod["imagePullSecrets"], pod["securityContext"].get("runAsUser")))
        check("a value that is wrong is refused there, too", None if "is not a time" in (answer := part(vbrain={"controller": {"scanInterval": "soon"}})) else answer)


def test_parents():
    objects = render('global={"imageRegistry":"parent.example.com","imagePullSecrets":["theirs",{"name":"both"}],"other":1}',
                     'imagePullSecrets=["ours",{"name":"both"}]', "controller.image.registry=own.example.com")
    expect("a parent's registry is used where none is set", ("parent.example.com/vbrain/api-server", "own.example.com/vbrain/controller"),
           tuple(pod_of(objects, f"vbrain-{n}")["containers"][0]["image"].rsplit(":", 1)[0] for n in ("api-server", "controller")))
    secrets = [{"name": name} for name in ("ours", "both", "theirs")]
    expect("credentials of both, once each, for every pod", [secrets] * 3, [named(objects, "ServiceAccount", "vbrain-job").get("imagePullSecrets")]
           + [pod_of(objects, f"vbrain-{n}").get("imagePullSecrets") for n in ("api-server", "controller")])
    objects = [o for o in render(*EVERYTHING, 'commonLabels={"team":"x","app.kubernetes.io/instance":"y"}', 'commonAnnotations={"note":"z"}')
               if o["kind"] != "CustomResourceDefinition"]
    check("common labels and annotations are everywhere", [f"{o['kind']} {o['metadata']['name']}" for o in objects
          if o["metadata"]["labels"].get("team") != "x" or o["metadata"].get("annotations", {}).get("note") != "z"])
    check("and in the pods", [d["metadata"]["name"] for d in of_kind(objects, "Deployment") if (t := d["spec"]["template"]["metadata"])
                              and (t["labels"]["team"], t["annotations"]) != ("x", {"note": "z"})])
    check("they change no selector", [d["metadata"]["name"] for d in of_kind(objects, "Deployment") if "team" in d["spec"]["selector"]["matchLabels"]
                                      or d["metadata"]["labels"]["app.kubernetes.io/instance"] != "vbrain"])
    objects = render("nameOverride=solver")
    expect("another name in the labels, the same for pods and what selects them", {"solver"},
           {d["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] for d in of_kind(objects, "Deployment")}
           | {s["spec"]["selector"]["app.kubernetes.io/name"] for s in of_kind(objects, "Service")}
           | {d["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] for d in of_kind(objects, "Deployment")})


def test_platforms():
    volume, mount = {"name": "ca", "configMap": {"name": "ca"}}, {"name": "ca", "mountPath": "/etc/ssl/certs"}
    for program, name in (("apiServer", "vbrain-api-server"), ("controller", "vbrain-controller")):
        objects = render(f"{program}.extraVolumes=[{json.dumps(volume)}]", f"{program}.extraVolumeMounts=[{json.dumps(mount)}]",
                         f'{program}.serviceAccount.annotations={{"cloud/role":"x"}}', 'jobServiceAccount.annotations={"cloud/role":"y"}')
        pod = pod_of(objects, name)
        check(f"{program}: further volumes", None if volume in pod["volumes"] and mount in pod["containers"][0]["volumeMounts"] else pod)
        check(f"{program}: is still restricted", restricted_violations(pod))
        expect(f"{program}: annotations of accounts", [{"cloud/role": "x"}, {"cloud/role": "y"}],
               [named(objects, "ServiceAccount", n)["metadata"].get("annotations") for n in (name, "vbrain-job")])
        pod = pod_of(render("podSecurityContext.runAsUser=null", "podSecurityContext.runAsGroup=null", "containerSecurityContext.readOnlyRootFilesystem=false"), name)
        expect(f"{program}: a platform may choose the user", (None, None, True, [2000], False),
               (*(pod["securityContext"].get(k) for k in ("runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups")),
                pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]))
    objects = render("apiServer.autoscaling.enabled=true", "apiServer.autoscaling.minReplicas=3")
    scaler = of_kind(objects, "HorizontalPodAutoscaler")[0]["spec"]
    expect("autoscaling: of the api-server, which says no number of its own", ("vbrain-api-server", 3, 5, False),
           (scaler["scaleTargetRef"]["name"], scaler["minReplicas"], scaler["maxReplicas"], "replicas" in named(objects, "Deployment", "vbrain-api-server")["spec"]))
    target = [metric["resource"]["target"] for metric in scaler["metrics"]]
    expect("by half a core for each pod, whatever it requests", [{"type": "AverageValue", "averageValue": "500m"}], target)
    share = of_kind(render("apiServer.autoscaling.enabled=true", "apiServer.autoscaling.targetCPUUtilizationPercentage=300"), "HorizontalPodAutoscaler")[0]["spec"]
    expect("or by a share of the request", [{"type": "Utilization", "averageUtilization": 300}], [metric["resource"]["target"] for metric in share["metrics"]])
    expect("with a disruption budget", ["vbrain-api-server"], [b["metadata"]["name"] for b in of_kind(objects, "PodDisruptionBudget")])
    expect("no autoscaling unless asked for", [], of_kind(render(), "HorizontalPodAutoscaler"))
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render("networkPolicy.servers.enabled=true", f"networkPolicy.servers.metricsFrom=[{json.dumps(peer)}]"),
                                                                  "NetworkPolicy")}
    ways = {name: [(p["port"], rule.get("from")) for rule in spec["ingress"] for p in rule["ports"]] for name, spec in policies.items() if name != "vbrain-job"}
    # `helm test` passes them.
    tester = {"podSelector": {"matchLabels": {k: v for k, v in named(render(), "Pod", "vbrain-test")["metadata"]["labels"].items() if k in (
        "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component")}}}
    expect("policies of the servers: REST from everywhere, metrics from the monitoring, and both from the pod of helm test", {
        "vbrain-api-server": [("http", None), ("metrics", [peer]), ("http", [tester]), ("metrics", [tester])], "vbrain-controller": [("metrics", [peer])]}, ways)
    check("they select one program each", [name for name, spec in policies.items() if name != "vbrain-job" and spec["podSelector"]["matchLabels"] != named(
        render(), "Deployment", name)["spec"]["selector"]["matchLabels"]])


def test_people():
    roles = {r["metadata"]["name"]: r for r in of_kind(render(), "ClusterRole")}
    expect("roles that Kubernetes' own roles take up", {f"vbrain-{r}": {f"rbac.authorization.k8s.io/aggregate-to-{r}": "true"} for r in ("view", "edit", "admin")},
           {name: {k: v for k, v in r["metadata"]["labels"].items() if "aggregate" in k} for name, r in roles.items()})
    check("a viewer changes nothing and sees no keys", [rule for rule in roles["vbrain-view"]["rules"] if set(rule["verbs"]) - {"get", "list", "watch"} or {"clients", "keys"} & set(rule["resources"])])
    check("only an admin writes Clients and Keys", [rule for rule in roles["vbrain-edit"]["rules"] if {"clients", "keys"} & set(rule["resources"]) and set(rule["verbs"]) - {"get", "list", "watch"}])
    expect("they belong to who installs the definitions", [], of_kind(render("crds.install=false"), "ClusterRole"))
    expect("and can be left out", [], of_kind(render("rbac.aggregate=false"), "ClusterRole"))
    expect("no Role for operators unless some are named", ["vbrain-api-server", "vbrain-controller", "vbrain-release-jobs"],
           sorted(r["metadata"]["name"] for r in of_kind(render(), "Role")))
    objects = render('rbac.operators=[{"kind":"Group","name":"ops"},{"kind":"ServiceAccount","name":"bot"},{"kind":"ServiceAccount","name":"ci","namespace":"build"}]')
    expect("operators", [("Group", "ops", None, "rbac.authorization.k8s.io"), ("ServiceAccount", "bot", "vbrain", None), ("ServiceAccount", "ci", "build", None)],
           [(s["kind"], s["name"], s.get("namespace"), s.get("apiGroup")) for s in named(objects, "RoleBinding", "vbrain-operator")["subjects"]])
    check("no right of theirs is a wildcard, or reaches Secrets or rights", [rule for rule in named(objects, "Role", "vbrain-operator")["rules"]
          if "*" in rule["verbs"] + rule["resources"] or set(rule["resources"]) & {"secrets", "roles", "rolebindings", "serviceaccounts/token"}])
    check("they can list the Leases, as the remedy of NotObserved says", None if any({"list", "get"} <= set(rule["verbs"]) and not rule.get("resourceNames")
          for rule in named(objects, "Role", "vbrain-operator")["rules"] if "leases" in rule["resources"]) else "they cannot")

    def secrets(*settings):
        role = named(render('rbac.operators=[{"kind":"Group","name":"ops"}]', "rbac.operatorSecrets=true", *settings), "Role", "vbrain-operator")
        return [(rule["resourceNames"], rule["verbs"]) for rule in role["rules"] if "secrets" in rule["resources"]]
    expect("with operatorSecrets they write the Secrets that the values name, and read none", [(["own", "hooks"], ["patch", "update"])],
           secrets("apiServer.tls.secretName=own", "controller.webhooks.secretName=hooks"))
    expect("also the one that cert-manager makes", [(["vbrain-api-server-tls"], ["patch", "update"])], secrets("apiServer.tls.certManager.issuerRef.name=ca"))
    expect("and no Secret where none is named", [], secrets())


def test_monitoring():
    on = [f"monitoring.{part}.enabled=true" for part in ("serviceMonitor", "rules", "dashboard")]
    check("nothing of the Prometheus Operator unless asked for", [o["kind"] for o in render() if "monitoring.coreos.com" in o["apiVersion"]])
    objects = render(*on, 'monitoring.serviceMonitor.labels={"release":"prometheus"}', 'monitoring.rules.labels={"role":"alerts"}', "volume.existingClaim=shared",
                     namespace="prod")
    monitor = of_kind(objects, "ServiceMonitor")[0]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    expect("the ServiceMonitor scrapes both programs, once each", ["api-server", "controller"],
           sorted(s["metadata"]["labels"]["app.kubernetes.io/component"] for s in of_kind(objects, "Service")
                  if wanted <= s["metadata"]["labels"].items() and "metrics" in [p["name"] for p in s["spec"]["ports"]]))
    nodes = render(*on, "apiServer.service.type=NodePort")
    expect("also with a Service for the metrics", 2, len([s for s in of_kind(nodes, "Service") if "metrics" in [p["name"] for p in s["spec"]["ports"]]]))
    rules = of_kind(objects, "PrometheusRule")[0]
    expect("labels by which a Prometheus selects them", ("prometheus", "alerts"), (monitor["metadata"]["labels"].get("release"), rules["metadata"]["labels"].get("role")))
    plain = (CHART / "files" / "monitoring" / "alerts.yaml").read_text()
    expect("the rules are those of the file, for this namespace",
           yaml.safe_load(plain.replace('namespace="vbrain"', 'namespace="prod"')), rules["spec"])
    check("every alert says what it means and what to do, and looks at one namespace only",
          [r["alert"] for r in yaml.safe_load(plain)["groups"][0]["rules"] if len(r["annotations"].get("summary", "")) < 20
           or len(r["annotations"].get("description", "")) < 80 or "namespace=" not in r["expr"] or r["labels"].get("severity") not in ("critical", "warning", "info")])
    board = json.loads(named(objects, "ConfigMap", "vbrain-dashboard")["data"]["vbrain.json"])
    check("every panel of the dashboard looks at the chosen namespace", [p["title"] for p in board["panels"] for t in p["targets"] if 'namespace="$namespace"' not in t["expr"]])
    check("no panel has the number or the place of another", [p["title"] for p in board["panels"] if 1 < max(
        sum(q["id"] == p["id"] for q in board["panels"]), sum((q["gridPos"]["x"], q["gridPos"]["y"]) == (p["gridPos"]["x"], p["gridPos"]["y"]) for q in board["panels"]))])
    shown = " ".join(t["expr"] for p in board["panels"] for t in p["targets"])
    check("the dashboard shows limits, streams, TLS and lost lines", [m for m in (
        "vbrain_api_tenant_limit_total", "vbrain_api_streams_refused_total", "vbrain_api_waits_refused_total", "vbrain_http_address_limit_total", "vbrain_http_streams",
        "vbrain_http_tls_handshakes_total", "vbrain_tls_certificate_expiry_timestamp_seconds", "vbrain_log_lines_dropped_total") if m not in shown])
    for kind, setting in (("ClusterIP", ()), ("NodePort", ("apiServer.service.type=NodePort",))):
        objects = render(*setting, release="123")
        pod = next(o for o in of_kind(objects, "Pod") if o["metadata"]["annotations"]["helm.sh/hook"] == "test")
        check(f"helm test, {kind}: its pod is restricted", restricted_violations(pod["spec"]))
        services = {s["metadata"]["name"].upper().replace("-", "_") for s in of_kind(objects, "Service")}
        asked = re.findall(r"\$\((\w+)_SERVICE_HOST\)", " ".join(pod["spec"]["containers"][0]["args"]))
        check(f"helm test, {kind}: it asks Services of the chart", set(asked) - services or len(asked) != 2 and asked)


def main():
    test_names()
    test_refusals()
    test_as_a_dependency()
    test_parents()
    test_platforms()
    test_people()
    test_monitoring()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
