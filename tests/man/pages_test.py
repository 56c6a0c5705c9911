"""Every page passes mandoc's lint and, where it is installed, groff without a warning, and every tool
has a page."""
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import harness
from mdoc import PAGES


def groff(page, device):
    """What it warns of on the way to a terminal of that kind."""
    # tty-char is what man(1) adds where a terminal has few signs.
    done = subprocess.run(["groff", "-K", "utf8", "-ww", "-mtty-char", "-mdoc", "-T", device, str(page)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    return [f"{device}: {done.stderr}"] if done.returncode != 0 or done.stderr else []


def main():
    if not shutil.which("mandoc"):
        print("mandoc is not installed: scripts/setup installs it")
        sys.exit(77)
    problems = [f"{tool}.1 is missing" for tool in harness.programs()
                if not (PAGES / f"{tool}.1").exists()]
    pages = sorted(PAGES.glob("*.[1-9]"))
    for page in pages:
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if lint.returncode != 0 or lint.stdout:
            problems.append(lint.stdout or f"{page}: mandoc failed")
        if shutil.which("groff"):
            problems += groff(page, "utf8") + groff(page, "ascii")
    print("\n".join(problems) or f"{len(pages)} pages are clean")
    sys.exit(1 if problems or not pages else 0)


if __name__ == "__main__":
    main()
