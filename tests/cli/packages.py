"""Programs that some tests want and a build does not: used where they are installed.

Where they aren't, a root shell of a CI (CI or LATHE_TEST_INSTALL set) may fetch Debian's package;
elsewhere the tests are skipped with a notice: nobody's machine gets 300 MB unasked.
"""
import os
import shutil
import subprocess
import unittest


def program(names, package):
    """The path of the first of these programs that is there; skips the test otherwise."""
    found = next(filter(None, map(shutil.which, names)), None)
    wanted = os.environ.get("CI") or os.environ.get("LATHE_TEST_INSTALL")
    if not found and wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "-q", "-y", "install", "--no-install-recommends", package]
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (install, ["apt-get", "-q", "update"], install):
            done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False)
            if command is install and done.returncode == 0:
                break
        found = next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise unittest.SkipTest(f"no {names[0]} here (apt-get install {package}, or set "
                                "LATHE_TEST_INSTALL=1 as root)")
    return found
