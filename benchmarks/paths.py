"""Where the benchmarks find what they measure, and where they leave what they make."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "model" / "bundle"
TICKETS = ROOT / "model" / "tickets"
DOCS = ROOT / "docs"
RESULTS = DOCS / "benchmarks.json"
REPORT = DOCS / "benchmarks.md"
WORK = ROOT / "build" / "bench"
"""What is made once and used by several processes; may be deleted at any time."""

OUR_PYTHON = ROOT / ".venv" / "bin" / "python"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
