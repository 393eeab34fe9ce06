"""Two REST servers: what one has answered is visible on the other."""

import itertools
import threading

import pytest
from platform_client import unzip


@pytest.fixture(scope="module")
def both(platform):
    """The addresses of two servers, in both orders."""
    addresses = platform.replicas()
    assert len(addresses) >= 2, "these tests need two replicas"
    return list(itertools.permutations(addresses, 2))


def test_a_repository_is_there_at_once(both, probe):
    for writer, reader in both * 5:
        repository = probe.at(writer).repository(params={"a": 1}, file=("x.csv", b"1"))
        rest = probe.at(reader)
        assert rest.get(f"/repository/{repository}").status_code == 200
        assert repository in rest.get("/repository").json()
        assert rest.get(f"/repository/{repository}/params").json() == {"a": 1}
        assert unzip(rest.get(f"/repository/{repository}/input").content) == {"x.csv": b"1"}
        assert rest.get("/job", repository_id=repository).json() == []


def test_a_job_is_there_at_once(both, probe):
    repository = probe.repository()
    for writer, reader in both:
        job = probe.at(writer).start(repository_id=repository)
        rest = probe.at(reader)
        assert rest.get(f"/job/{job}").status_code in (200, 202)
        assert rest.get(f"/job/{job}/params").status_code == 200
        assert rest.get(f"/job/{job}/logs").status_code == 200
        assert job in rest.get("/job", repository_id=repository).json()
        assert job in rest.get(f"/repository/{repository}").json()["jobs"]
        assert rest.delete(f"/job/{job}").status_code == 200
        rest = probe.at(writer)
        assert rest.get(f"/job/{job}").status_code == 404
        assert job not in rest.get("/job", repository_id=repository).json()


def test_a_repository_is_gone_at_once(both, probe):
    for writer, reader in both * 3:
        repository = probe.at(writer).repository()
        assert probe.at(reader).delete(f"/repository/{repository}").status_code == 200
        rest = probe.at(writer)
        assert rest.get(f"/repository/{repository}").status_code == 404
        assert repository not in rest.get("/repository").json()
        assert rest.execute(repository_id=repository).status_code == 404


def test_one_delete_of_many_wins(both, probe):
    """Several clients delete the same repository through both servers: each gets 200 or 404."""
    repository = probe.repository()
    codes = []

    def delete(address):
        codes.append(probe.at(address).delete(f"/repository/{repository}").status_code)

    threads = [threading.Thread(target=delete, args=(address,)) for pair in both * 2 for address in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 404} and 200 in codes
    assert probe.get(f"/repository/{repository}").status_code == 404


def test_a_revoked_key_ends_on_all(platform, tenants):
    rest = tenants.make("Probe", client="revoked")
    name = tenants.client("acme", "Probe", "revoked", [])
    tenants.wait_for(rest, known=False)
    platform.kube.delete(platform.kube.ours("clients", name))
