"""Leaders make, list and delete keys of their client: GET, POST and DELETE /keys."""

from datetime import datetime, timedelta, timezone

import pytest
from platform_client import Rest, wait_until

pytestmark = pytest.mark.xdist_group("keys")


@pytest.fixture(scope="module")
def team(tenants, probe):
    return tenants.team("Probe", lea="leader", dan="developer", sam="stakeholder", eva="developer", fay="developer", gus="developer")


def make(leader, username, **more):
    """A new key, and its user's Rest."""
    answer = leader.call("POST", "/keys", json={"username": username, **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.json()
    assert made["api_key"].startswith(f"vb_{made['key_id']}_")
    return made, Rest(leader._where, leader.identity.but(username=username, key=made["api_key"]))


def wait_for(platform, user, status, path="/usage"):
    wait_until(f"every replica answers {status}", lambda: platform.everywhere(user, lambda one: one.get(path).status_code == status))


def listed(user, key):
    return next((row for row in user.get("/keys").json()["keys"] if row["key_id"] == key), None)


def test_a_key_from_its_creation_to_its_deletion(platform, team):
    lea = team["lea"]
    made, dan = make(lea, "dan", description="nightly import")
    wait_for(platform, dan, 200)
    assert dan.get("/keys").status_code == 403  # the role is the developer's, not the leader's who made it
    job = dan.start()
    assert dan.get(f"/job/{job}").json()["created_by"] == "dan"
    wait_until("every replica lists it", lambda: platform.everywhere(lea, lambda one: listed(one, made["key_id"])))
    row = wait_until("its use is written", lambda: (row := listed(lea, made["key_id"])) and "last_used" in row and row)
    used = datetime.strptime(row["last_used"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert (used.minute, used.second) == (0, 0)
    assert timedelta(0) <= datetime.now(timezone.utc) - used < timedelta(hours=2)
    assert {**row, "created_at": "", "last_used": ""} == {
        "key_id": made["key_id"], "username": "dan", "role": "developer", "source": "Key", "state": "live", "created_at": "",
        "created_by": "lea", "last_used": "", "description": "nightly import"}
    shown = platform.kubectl("get", "vkey", made["key_id"], "-o", "yaml")
    assert made["api_key"].rpartition("_")[2] not in shown
    assert lea.delete(f"/keys/{made['key_id']}").json() == {"message": "Key deleted"}
    wait_for(platform, dan, 401)
    assert lea.delete(f"/keys/{made['key_id']}").json() == {"error": "Invalid key_id"}
    wait_until("no replica lists it", lambda: platform.everywhere(lea, lambda one: not listed(one, made["key_id"])))
    lea.delete(f"/job/{job}")


def test_a_key_expires_by_itself(platform, team):
    made, eva = make(team["lea"], "eva", expires_in=40)
    wait_for(platform, eva, 200)
    wait_for(platform, eva, 401)
    assert listed(team["lea"], made["key_id"])["state"] == "expired"
    assert datetime.strptime(made["expires_at"], "%Y-%m-%dT%H:%M:%SZ") <= datetime.now(timezone.utc).replace(tzinfo=None)


def test_two_live_keys_for_each_user(team):
    lea = team["lea"]
    first, _ = make(lea, "fay")
    make(lea, "fay", expires_at="2035-01-01T00:00:00Z")
    third = lea.call("POST", "/keys", json={"username": "fay"})
    assert (third.status_code, third.json()["error"]) == (409, "Too many keys")
    assert first["key_id"] in third.json()["detail"]
    assert lea.delete(f"/keys/{first['key_id']}").status_code == 200
    make(lea, "fay")


def test_a_leader_deletes_the_key_in_use(platform, team):
    made, lea = make(team["lea"], "lea")
    wait_for(platform, lea, 200, "/keys")
    assert lea.delete(f"/keys/{made['key_id']}").status_code == 200
    wait_for(platform, lea, 401)


def test_another_client_sees_nothing(tenants, team):
    other = tenants.make("Probe")
    made, _ = make(team["lea"], "gus")
    assert other.delete(f"/keys/{made['key_id']}").json() == {"error": "Invalid key_id"}
    assert {row["username"] for row in other.get("/keys").json()["keys"]} == {"ana"}
    assert other.call("POST", "/keys", json={"username": "gus"}).json()["error"] == "Invalid username"
    own = team["lea"].identity.key.split("_")[1]
    assert other.delete(f"/keys/{own}").status_code == 404
    refused = team["lea"].delete(f"/keys/{own}")
    assert (refused.status_code, refused.json()["error"]) == (409, "Key cannot be deleted")


def test_keys_end_with_the_member_and_go_with_the_client(platform, tenants, probe):
    key, leader = tenants.keygen("lea", "leader")
    _, member = tenants.keygen("dan", "developer")
    client = f"keys-{tenants.prefix}"
    name = tenants.client("acme", "Probe", client, [leader, member])
    lea = Rest(platform, next(iter(tenants.team("Probe", x="leader").values())).identity.but(username="lea", client_id=client, key=key))
    tenants.wait_for(lea)
    made, dan = make(lea, "dan")
    wait_for(platform, dan, 200)
    tenants.client("acme", "Probe", client, [leader])
    wait_for(platform, dan, 401)
    assert listed(lea, made["key_id"])["state"] == "no_member"
    platform.kube.delete(platform.kube.ours("clients", name))
    wait_until("Kubernetes removes the Key", lambda: platform.kube.get(platform.kube.ours("keys", made["key_id"]), check=False) is None)


@pytest.mark.parametrize("headers, body, error", [
    ({}, {"username": "nobody"}, "Invalid username"),
    ({}, {"username": "dan", "expires_in": 0}, "Invalid expires_in"),
    ({}, {"username": "dan", "expires_at": "2020-01-01T00:00:00Z"}, "Invalid expires_at"),
    ({}, {"username": "dan", "role": "leader"}, "Invalid role"),
    ({"Idempotency-Key": "k"}, {"username": "dan"}, "Invalid Idempotency-Key"),
])
def test_what_is_wrong_is_said(team, headers, body, error):
    answer = team["lea"].call("POST", "/keys", headers, json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert "emedy: " in answer.json()["detail"] or "; send " in answer.json()["detail"] or "; remove " in answer.json()["detail"]
