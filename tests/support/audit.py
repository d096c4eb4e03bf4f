"""Asks whether a locked package has a known vulnerability: `make audit`.

The answer comes from a database on the network. Where that cannot be reached, this says so and
ends well: a gate must not depend on somebody else's server.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIP_AUDIT = ROOT / ".tools" / "security" / "bin" / "pip-audit"
OPTIONS = ("--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off")


def audit(requirements: str) -> int:
    """Print what is known of a requirement file's packages; return how many are vulnerable."""
    asked = subprocess.run(
        [PIP_AUDIT, *OPTIONS, "--timeout=10", "--requirement", ROOT / requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print(f"{requirements}: NOT AUDITED, the database cannot be reached")
        return 0
    known = [package for package in packages if "skip_reason" not in package]
    vulnerable = [package for package in known if package["vulns"]]
    if not known:
        print(f"{requirements}: NOT AUDITED, the database knows none of {len(packages)} packages")
    else:
        print(f"{requirements}: {len(known)} of {len(packages)} audited, {len(vulnerable)} hit")
    for package in vulnerable:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            print(f"  {package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    return len(vulnerable)


if __name__ == "__main__":
    sys.exit(1 if sum(map(audit, sys.argv[1:])) else 0)
