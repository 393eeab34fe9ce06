"""The volume hangs for the leader alone, as an NFS mount does on one node: a healthy controller takes over."""

import time
from datetime import datetime

import netfs
import pytest
import requests
from platform_client import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(netfs.lacks()), reason=netfs.lacks() or "-")]

# --renew-deadline and 30 s; then the next candidate looks at the Lease every 2.4 s at most.
GIVES_UP_WITHIN = 7 + 30 + 2.4
# A loaded machine is slow to schedule everybody.
TOLERANCE = 10


def lease(world):
    """The spec of the controllers' Lease, or {} before the first candidate has made it."""
    kube = world.platform.kube
    return (kube.get(kube.lease("vbrain-controller"), check=False) or {"spec": {}})["spec"]


def holds(world, identity):
    return lease(world).get("holderIdentity") == identity


def livez(program):
    try:
        return requests.get(f"http://{program.address_file.read_text().strip()}/livez", timeout=5)
    except OSError:
        return None


@pytest.fixture
def hanging(world):
    """(a controller that leads over a mount of its own, the mount) beside the usual controller, which stands by."""
    with netfs.NetFs(world.volume, world.folder, "hanging") as mount, \
            world.another_controller("hanging", volume=mount.path) as controller:
        # The usual controller stands still until its Lease has run out.
        with world.controller.frozen():
            wait_until("the other one leads", lambda: holds(world, "hanging"))
        yield controller, mount
        mount.release()


def test_a_healthy_controller_takes_over(world, hanging):
    controller, mount = hanging
    user = world.probe_user("Hang")
    assert user.wait(user.start(params={}))["job_status"] == "finished", "it works over that mount"
    assert holds(world, "hanging")

    mount.hang()
    hung_at = time.time()
    job = user.start(params={"result": "1"})
    wait_until("the healthy one leads", lambda: holds(world, "the-controller"), deadline=90)
    taken_at = datetime.fromisoformat(lease(world)["acquireTime"].replace("Z", "+00:00")).timestamp()
    assert taken_at - hung_at <= GIVES_UP_WITHIN + TOLERANCE
    said = controller.log_text()
    assert "gives up the lease, because it makes no progress: the volume has not answered for" in said
    assert "Remedy: look at the file server" in said
    assert user.wait(job)["job_status"] == "finished"
    assert world.platform.job(job)["status"]["attempts"] == 1
    assert len(world.platform.pods_of(job)) == 1
    # Its threads hang in calls to the volume, which nobody but the kernel can end.
    wait_until("it is not alive", lambda: livez(controller).status_code == 503, deadline=90)
    assert "the term of leadership cannot end" in livez(controller).text
    assert holds(world, "the-controller")

    mount.release()
    wait_until("its threads have ended", lambda: livez(controller).status_code == 200, deadline=60)
    assert controller.ends == [], "the same process stands by again"
