"""Translate template.yaml as CloudFormation does, and print the result as JSON.

    .tools/sam/bin/python tests/support/translate.py template.yaml '{"Mode": "live"}'

Run by `support.template` with the SAM CLI's interpreter: the translator is part of it, and its
packages are kept apart from the project's.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# Pseudo parameters, and stand-ins for what `sam package` puts in place of local folders.
PSEUDO = {"AWS::Region": "eu-central-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}


def upload(resources: dict[str, Any]) -> None:
    """Replace the local folders by S3 objects, as `sam package` does."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if "ContentUri" in properties:
            properties["ContentUri"] = {"Bucket": "artefacts", "Key": content_key(name)}


def content_key(name: str) -> str:
    """Return the S3 key of a layer; `--changed NAME` gives that layer another content."""
    return f"{name}-2" if name in CHANGED else f"{name}-1"


def main() -> int:
    """Print the translation; 1 and the errors when the template is not valid."""
    template = yaml_parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    parameters = {
        name: str(definition.get("Default", name))
        for name, definition in template["Parameters"].items()
    }
    values = parameters | json.loads(sys.argv[2]) | PSEUDO
    upload(template["Resources"])
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": "artefacts", "Key": "functions"}
    try:
        result = Translator({}, Parser()).translate(template, values)
    except InvalidDocumentException as error:
        sys.stderr.write("\n".join(str(cause.message) for cause in error.causes))
        return 1
    sys.stdout.write(json.dumps(result))
    return 0


CHANGED = frozenset(sys.argv[3:])

if __name__ == "__main__":
    sys.exit(main())
