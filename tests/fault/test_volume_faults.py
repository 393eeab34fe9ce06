"""The volume is full or read-only: the answers follow the contract, nothing incomplete stays, and reads continue."""

import os
import subprocess

import pytest
from platform_client import unzip, wait_until, zip_of

SIZE = 8 << 20


class Small:
    """A separate REST server over a small volume."""

    def __init__(self, world, user, folder):
        self.user, self.folder = user, folder
        self.repository = user.repository(params={"a": 1}, file=("x.csv", b"1,2\n"))
        self.ballast = folder / "ballast"
        self.world = world

    def fill(self):
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def mount(self, mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.folder)], check=True)

    def files(self):
        """All files except the ballast and the server's probes, and the folders being written."""
        found = {path for path in self.folder.rglob("*") if path.is_file() or path.parent.name == ".staging"}
        return {path for path in found if path != self.ballast and not path.name.startswith(".probe")}

    def wait_for(self, files):
        """The server removes incomplete folders after the answer."""
        wait_until("nothing more than that is left", lambda: self.files() == files)

    def assert_reads(self):
        user, repository = self.user, self.repository
        assert repository in user.get("/repository").json()
        assert user.get(f"/repository/{repository}").json()["input"] == ["x.csv"]
        assert user.get(f"/repository/{repository}/params").json() == {"a": 1}
        assert unzip(user.get(f"/repository/{repository}/input").content) == {"x.csv": b"1,2\n"}
        assert user.get("/job", repository_id=repository).json() == []

    def assert_refuses(self, status, error):
        """Every kind of write is refused and leaves nothing."""
        before = self.files()
        jobs = len(self.world.jobs_of_client(self.user))
        archive = zip_of({"a.bin": "y" * 100_000})
        for answer in (self.user.create_repository(params={"b": "x" * 100_000}),
                       self.user.create_repository(file=("in.zip", archive)),
                       self.user.execute(params={"b": "x" * 100_000}, repository_id=self.repository),
                       self.user.execute(file=("in.zip", archive), repository_id=self.repository),
                       self.user.execute(file=("in.zip", archive))):
            assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
        self.wait_for(before)
        assert len(self.world.jobs_of_client(self.user)) == jobs


@pytest.fixture(scope="module")
def small(world):
    user = world.probe_user("Small")
    folder = world.folder / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=2770", "tmpfs", str(folder)], check=True)
    try:
        with world.another_server(volume=folder) as address:
            rest = user.at(address)
            world.wait_for(rest)
            yield Small(world, rest, folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_upload_that_does_not_fit(small):
    before = small.files()
    answer = small.user.create_repository(file=("big.zip", zip_of({"big.bin": os.urandom(SIZE).hex()})))
    assert (answer.status_code, answer.json()["error"]) == (507, "Insufficient storage"), answer.text
    small.wait_for(before)
    small.assert_reads()
    assert small.user.create_repository(file=("fits.zip", zip_of({"a": "b"}))).status_code == 201


def test_a_full_volume(small):
    small.fill()
    try:
        small.assert_refuses(507, "Insufficient storage")
        small.assert_reads()
    finally:
        small.ballast.unlink()
    assert small.user.create_repository(params={}).status_code == 201


def test_a_volume_that_can_only_be_read(small):
    small.mount("ro")
    try:
        small.assert_refuses(503, "Service unavailable")
        small.assert_reads()
        answer = small.user.delete(f"/repository/{small.repository}")
        assert (answer.status_code, answer.json()["error"]) == (500, "Error deleting repository folder")
        small.assert_reads()
    finally:
        small.mount("rw")
    assert small.user.create_repository(params={}).status_code == 201
