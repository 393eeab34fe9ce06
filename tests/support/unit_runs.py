"""How the unit tests of vBrain's programs are run: as which user, and on which volume."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from support.netfs import NetFs

# These programs run under the uid and the groups that vBrain's pods have. Root may read and remove everything, so that a
# test that runs as root cannot see a missing permission.
AS_POD = {"unit_api_server", "unit_artifacts", "unit_controller", "unit_netfs", "unit_runner"}
# These suites run as root, and the rest of their program does not: they mount (AsRoot), start a PID namespace (AsRoot), or
# switch between two users themselves (support/pod_user.hpp).
NEEDS_ROOT = ("*AsRoot.*:StoreAttempts.*:StoreScanTest.*:TreeRemoverTest.*:"
              "SweeperTest.CountsWhatCannotBeRemovedAndLogsItOnce")

# The tests that run a second time, on a volume that behaves like NFS. Not in the list are tests that mount such a volume
# themselves (Network…), tests of a volume without hard links, and tests with very many files.
ON_NETWORK_VOLUME = {
    "unit_api_server": "Batch.*:Bulk.*:Contract.*:Delete*.*:DownloadAnswer.*:Durability.*:Hostile.*:Idempotency.*:Lists.*:Repository.*:"
                       "Spool.*:Submission.*:VolumeViewTest.*"
                       "-Submission.AJobThatCouldNotBeReadIsRefused:Submission.*LongNames*",
    "unit_artifacts": "ArchiveReader.*:ArchiveWriter.*:Claim*.*:JobBatch.*:*KeyRecords.*:SafeOpen.*:StoreFailure.*:StoreTest.*:Uploads.*"
                      "-ClaimFailure.OneWinsWhereThereAreNoHardLinks",
    "unit_controller": "StoreVolumeTest.*:Sweeper*.*:VolumeCalls.*-SweeperTest.CountsWhatCannotBeRemovedAndLogsItOnce",
    "unit_runner": "Runner.*:SealTest.*-SealTest.RefusesTooManyFiles",
}

POD_UID = 65532
VOLUME_GID = 2000


def count_tests(program, tests):
    """How many tests of a program a filter selects."""
    listing = subprocess.run([program, "--gtest_list_tests", f"--gtest_filter={tests}"], capture_output=True, text=True, check=True)
    return sum(line.startswith("  ") for line in listing.stdout.splitlines())


def unmount_below(folder):
    """Ends mounts that a killed run has left behind."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[1].startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=False)


def fresh_folder(path):
    """An empty folder at that path, whatever a killed run has left there."""
    path = Path(path)
    unmount_below(path)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


@contextlib.contextmanager
def network_volume(folder):
    """Mounts a volume that behaves like NFS, with the owner and the mode that a real volume has; gives its path."""
    server = folder / "server"
    server.mkdir()
    if os.geteuid() == 0:
        os.chown(server, POD_UID, VOLUME_GID)
        server.chmod(0o2770)
    try:
        with NetFs(server, folder) as mount:
            yield mount.path
    finally:
        shutil.rmtree(folder, ignore_errors=True)
