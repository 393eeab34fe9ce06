"""What Helm says after an installation (templates/NOTES.txt). Needs $HELM, no cluster."""

import re
import sys

import yaml
from rendering import CHART, check, expect, finish, notes

TLS, WAY_IN, HOST = "apiServer.tls.secretName=own", "apiServer.ingress.enabled=true", "apiServer.ingress.hosts={a.example.com}"
MADE = "apiServer.tls.certManager.issuerRef.name=ca"
BALANCER = "apiServer.service.type=LoadBalancer"
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]


def test_addresses():
    """Where the server is reached, by which scheme, and whether keys cross the network in the clear there."""
    for settings, where, warning in (
            ((), "then http://localhost:8080", "This is HTTP without TLS"),
            ((TLS,), "then https://localhost:8080", None),
            (("apiServer.service.type=NodePort", TLS), "of every node, by https://", None),
            ((BALANCER,), "then http://EXTERNAL-IP:8080", "This is HTTP without TLS"),
            ((WAY_IN, HOST, "apiServer.ingress.tlsSecret=x"), "https://a.example.com", None),
            ((WAY_IN, HOST), "http://a.example.com", "The Ingress is HTTP without TLS"),
            ((WAY_IN, HOST, TLS), "http://a.example.com", "The Ingress is HTTP without TLS"),
            ((WAY_IN, HOST, TLS, "apiServer.ingress.tlsSecret=x"), "https://a.example.com", None)):
        text = notes(*settings)
        warnings = [line.strip() for line in text.splitlines() if "HTTP without TLS" in line]
        check(f"the notes for {settings or 'the defaults'}", None if where in text and len(warnings) == (warning is not None)
              and all(line.startswith(warning) for line in warnings) else text[:900])


def test_paths():
    for settings, want in (((), ["REST", "page for people", "documentation"]), (("apiServer.web=false",), ["REST", "documentation"]),
                           (("apiServer.docs=false",), ["REST", "page for people"])):
        line = next(line for line in notes(*settings).splitlines() if line.startswith("REST"))
        expect(f"the notes name what is served with {settings or 'the defaults'}", want, [w for w in ("REST", "page for people", "documentation") if w in line])
    check("and how to turn the page off", None if "apiServer.web=false turns the page off" in notes() else notes())


def test_names_of_the_certificate():
    """Which name the notes tell people to call by: one that the certificate has."""
    for name, settings, want in (
            ("a Secret of one's own", (TLS,), "<a name of the certificate>"),
            ("cert-manager and no name", (MADE,), "vbrain-api-server.default.svc"),
            ("cert-manager and names", (MADE, "apiServer.tls.certManager.dnsNames={*.example.com,b.example.com,c.example.com}"), "b.example.com"),
            ("a wildcard alone", (MADE, "apiServer.tls.certManager.dnsNames={*.example.com}", "apiServer.tls.certManager.onlyDnsNames=true"),
             "<a name of the certificate>"),
            ("a load balancer", (MADE, BALANCER), "vbrain-api-server.default.svc")):
        text = notes(*settings)
        check(f"a certificate's name, {name}", None if f"--connect-to {want}:443:ADDRESS:PORT https://{want}/api/v1/job" in text else text[:1200])
    check("no such name without TLS", "connect-to" in notes())


def test_tags():
    for name, settings, want in (
            ("the tags of the chart", (), []),
            ("a build of the chart's version", (f"apiServer.image.tag={VERSION}-0a1b2c", f"controller.image.tag={VERSION}"), []),
            ("a tag of another version", ("apiServer.image.tag=0.0.9",), ["apiServer"]),
            ("both", (f"apiServer.image.tag={VERSION}1", "controller.image.tag=edge"), ["apiServer", "controller"]),
            ("a digest counts, not the tag", ("apiServer.image.tag=edge", f"apiServer.image.digest=sha256:{'0' * 64}"), [])):
        expect(f"a warning of programs that are not of the chart's version: {name}", want, re.findall(r"^WARNING: (\w+)[.]image[.]tag", notes(*settings), re.MULTILINE))


def test_removal():
    own, ours = notes("volume.existingClaim=shared"), notes()
    for text in (own, ours):
        deletion = next(line for line in text.splitlines() if "delete vjob --all" in line)
        check("the jobs are deleted while the controller can still remove their files", None if "--wait=false" not in deletion
              and text.index("delete vjob --all") < text.index("uninstall vbrain") else deletion)
    check("of a claim of one's own the notes say which files stay", None if "The claim shared stays" in own and "delete pvc" not in own else own)
    check("that of the chart is deleted", None if "delete pvc vbrain-volume" in ours else ours)
    check("one tenant has a way of its own", None if "Remove a tenant" in ours else ours)


def main():
    test_addresses()
    test_paths()
    test_names_of_the_certificate()
    test_tags()
    test_removal()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
