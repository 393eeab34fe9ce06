"""The Applications of `make demo-load`: those that work, and one for each mistake in an Application. Only data."""

# What the jobs of the Application Workshop do: the params name one of these.
WORKSHOP = """
import json, os, pathlib, signal, sys, time
params = json.load(open(os.environ["VBRAIN_PARAMS_FILE"]))
result, output = (pathlib.Path(os.environ["VBRAIN_" + name]) for name in ("RESULT_FILE", "OUTPUT_DIR"))
what = params.get("do", "finish")
print(f"doing: {what}", flush=True)
if what == "finish":
    for step in range(1, 6):
        print(f"\\033[32mINFO\\033[0m step {step} of 5", flush=True)
    (output / "steps.csv").write_text("step,seconds\\n" + "".join(f"{n},{n * n / 10}\\n" for n in range(1, 6)))
    result.write_text(json.dumps({"steps": 5}))
elif what == "fail":
    raise ValueError("the column 'price' has no number in row 12")
elif what == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
elif what == "use too much memory":
    held = [bytearray(b"x" * (1 << 20)) for _ in range(1000)]
elif what == "write a wrong result":
    result.write_text('{"mean": NaN}')
elif what == "write too much":
    (output / "large.bin").write_bytes(bytes(8 << 20))
elif what == "write too deep":
    folder = output.joinpath(*["deeper"] * 40)
    folder.mkdir(parents=True)
    (folder / "file.txt").write_text("too deep")
elif what == "take too long":
    time.sleep(3600)
"""
DOES = ["finish", "fail", "crash", "use too much memory", "write a wrong result", "write too much", "write too deep", "take too long"]


def application(name, image, command, memory="64Mi", pod=None, container=None, **spec):
    """`pod` and `container`: more fields of the template's pod and its container."""
    main = {"name": "main", "image": image, "command": command,
            "resources": {"requests": {"cpu": "10m", "memory": memory}, "limits": {"cpu": "500m", "memory": memory}}, **(container or {})}
    return {"apiVersion": "vbrain.visagio.com/v1", "kind": "Application",
            "metadata": {"name": f"demo-{name.lower()}", "labels": {"app.kubernetes.io/part-of": "demo-load"}},
            "spec": {"applicationId": name, "organizations": ["*"], "backoffLimit": 0, "preRunningDeadlineSeconds": 86400, **spec,
                     "template": {"spec": {"terminationGracePeriodSeconds": 2, **(pod or {}), "containers": [main]}}}}


def applications(image):
    """All of them; `image` has Python."""
    work = ["python3", "-c", WORKSHOP]
    schema = {"type": "object", "additionalProperties": False, "properties": {
        "do": {"type": "string", "title": "Do", "description": "What the job does.", "enum": DOES, "default": "finish"}}}
    extra = [{"name": "extra", "configMap": {"name": "no-such-map"}}]
    return [
        application("Workshop", image, work, activeDeadlineSeconds=15, outputLimit="1Mi", paramsSchema=schema),
        # One job of it runs for an hour, the others wait.
        application("Overnight", image, work, activeDeadlineSeconds=3600, maxConcurrentJobs=1),
        application("No-Image", "vbrain.invalid/none:1", work),
        application("Wrong-Image-Name", "Not A Name:x", work),
        application("Wrong-Command", image, ["/no/such/program"]),
        application("Too-Large", image, work, memory="64Ti"),
        application("No-Config-Map", image, work, pod={"volumes": extra}, container={"volumeMounts": [{"name": "extra", "mountPath": "/extra"}]}),
    ]


MISTAKES = ["No-Image", "Wrong-Image-Name", "Wrong-Command", "Too-Large", "No-Config-Map"]
