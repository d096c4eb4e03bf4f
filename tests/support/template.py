"""The template as CloudFormation gets it, for tests and for the runtime."""

import functools
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
SAM_PYTHON = ROOT / ".tools" / "sam" / "bin" / "python"
TRANSLATE = Path(__file__).with_name("translate.py")

type Template = Mapping[str, Any]
type Resource = Mapping[str, Any]


def translated(
    parameters: Mapping[str, str] | None = None, changed: Iterable[str] = ()
) -> Template:
    """Return the translation of template.yaml.

    Args:
        parameters: Values of template parameters other than their defaults.
        changed: Layers whose content is another than in a translation without them.

    Raises:
        RuntimeError: The template is not valid, or the SAM CLI is not there.
    """
    return _translated(json.dumps(parameters or {}, sort_keys=True), tuple(sorted(changed)))


@functools.cache
def _translated(parameters: str, changed: tuple[str, ...]) -> Template:
    if not SAM_PYTHON.exists():
        raise RuntimeError("the SAM CLI is not installed: run make build")
    done = subprocess.run(
        [str(SAM_PYTHON), str(TRANSLATE), str(TEMPLATE), parameters, *changed],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_DEFAULT_REGION": "eu-central-1", "PATH": ""},
    )
    if done.returncode:
        raise RuntimeError(f"template.yaml cannot be translated: {done.stderr}")
    template: Template = json.loads(done.stdout)
    return template


def of_type(template: Template, kind: str) -> dict[str, Resource]:
    """Return the resources of a type by their logical ids."""
    resources: Mapping[str, Resource] = template["Resources"]
    return {name: found for name, found in resources.items() if found["Type"] == kind}


def declared_environment(function: str) -> dict[str, str]:
    """Return the variables the template declares for a function.

    A literal keeps its value; what depends on a parameter or on another resource is empty.
    """
    properties = translated()["Resources"][function]["Properties"]
    variables: Mapping[str, object] = properties["Environment"]["Variables"]
    return {name: text if isinstance(text, str) else "" for name, text in variables.items()}
