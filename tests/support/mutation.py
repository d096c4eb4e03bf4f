"""Change the code in one place at a time, and see whether a test notices: `make mutation`.

Each mutant runs in a process forked from this one, which has loaded the libraries but none of our
code; the module under test comes from the changed syntax tree, so that no file is touched. Runners
that others maintain change bodies of functions only, and half of these modules is tables, defaults
and properties.

Survivors that change nothing anybody could notice are listed with the reason in SURVIVORS. Any
other ends the run with exit code 1.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "functions"
SURVIVORS = Path(__file__).with_name("survivors.txt")
# A mutant that takes longer, or more, counts as noticed: it runs for ever, or grows without end.
SECONDS = 60
MEMORY = 4 << 30

FRESHDESK = "otai_freshdesk.ticket_systems.freshdesk"
# Module -> the tests that are to notice.
TARGETS = {
    "otai_freshdesk.web.request": ("unit/web", "security/test_secret.py"),
    f"{FRESHDESK}.retry": ("unit/ticket_systems/test_retry.py",),
    "otai_freshdesk.domain.ticket": ("unit/domain",),
    "otai_freshdesk.domain.prediction": ("unit/domain",),
    "otai_freshdesk.domain.policy": ("unit/domain",),
    f"{FRESHDESK}.budget": ("unit/ticket_systems/test_budget.py",),
}
# Plugins that are loaded already cannot be rewritten any more, of which pytest warns.
PYTEST = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:schemathesis")
REWRITTEN = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
PRELOADED = (
    "boto3",
    "httpx",
    "moto",
    "pydantic",
    "pytest_asyncio.plugin",
    "pytest_socket",
    "respx.plugin",
    "starlette.testclient",
    "uvicorn",
    "yaml",
)

ORDERING = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATION: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
OPPOSITES = {"max": "min", "min": "max", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change: where, from what to what."""

    name: str
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST

    def apply(self) -> None:
        """Change the tree it was found in."""
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new
        ast.fix_missing_locations(self.parent)


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what `node` may become."""
    yield from _other_expressions(node)
    yield from _other_statements(node)


def _other_expressions(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, [operator], right):
            tables = (ORDERING.get(type(operator)), NEGATION.get(type(operator)))
            yield from (ast.Compare(left, [new()], right) for new in tables if new)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(operator)](), right)
        case ast.Call(ast.Name(name), arguments, keywords) if name in OPPOSITES:
            yield ast.Call(ast.Name(OPPOSITES[name], ast.Load()), arguments, keywords)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Constant(value):
            yield from _other_constants(value)


def _other_statements(node: ast.AST) -> Iterator[ast.stmt]:
    match node:
        case ast.AugAssign(target, operator, value) if type(operator) in ARITHMETIC:
            yield ast.AugAssign(target, ARITHMETIC[type(operator)](), value)
            yield ast.Pass()
        case ast.If(test, body, orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Return(value) if value and not (_is(value, None) or _is(value, False)):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(ast.Call() | ast.Await()) | ast.Raise() | ast.Assign([ast.Attribute()], _):
            yield ast.Pass()


def _other_constants(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str | bytes) and value:
        yield ast.Constant(value[1:])


def _is(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Yield all changes of a module, with names that do not change when lines move."""
    seen: Counter[str] = Counter()
    for place, parent, field, index, node in _walk(tree, ""):
        for new in changes(node):
            name = f"{place}: {_line(node)} -> {_line(new)}"
            seen[name] += 1
            again = f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(name + again, parent, field, index, new)


type Site = tuple[str, ast.AST, str, int | None, ast.AST]


def _walk(node: ast.AST, place: str) -> Iterator[Site]:
    """Yield each node that means something when the module runs, and where it stands."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        place = f"{place}.{node.name}".strip(".")
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "exc", "type_params"}:
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST) and not _says_nothing(child):
                yield (
                    place or "module",
                    node,
                    field,
                    index if isinstance(value, list) else None,
                    child,
                )
                yield from _walk(child, place)


def _says_nothing(node: ast.AST) -> bool:
    """Tell whether a node is a docstring, a type, or the list of exported names."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    return isinstance(node, ast.TypeAlias | ast.Import | ast.ImportFrom | ast.JoinedStr)


def _line(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else f"{text[:67]}..."


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a syntax tree, and leaves the others alone."""

    def __init__(self, name: str, tree: ast.Module, path: Path) -> None:
        self._name, self._tree, self._path = name, tree, path

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        code = compile(self._tree, str(self._path), "exec")
        exec(code, module.__dict__)  # noqa: S102 - our own module, changed in one place


def survives(module: str, tree: ast.Module, mutant: Mutant | None, tests: tuple[str, ...]) -> bool:
    """Run the tests on a mutant in a process of its own; None stands for the code as it is."""
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == 0
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    code = 1
    try:
        if mutant:
            mutant.apply()
        path = SOURCES / f"{module.replace('.', '/')}.py"
        sys.meta_path.insert(0, _Changed(module, tree, path))
        files = [str(ROOT / "tests" / test) for test in tests]
        code = int(pytest.main([*PYTEST, *REWRITTEN, *files]))
    finally:
        os._exit(code)


def run(wanted: list[str]) -> int:
    """Try all mutants of the modules whose names end in one of `wanted`, or of all."""
    explained = dict(
        line.split(" | ", 1) for line in SURVIVORS.read_text("utf-8").splitlines() if " | " in line
    )
    unexplained = 0
    for module, tests in TARGETS.items():
        if wanted and not module.endswith(tuple(wanted)):
            continue
        tree = ast.parse((SOURCES / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        if not survives(module, tree, None, tests):
            print(f"{module}: the tests fail on the code as it is")
            return 1
        started = time.monotonic()
        tried = list(mutants(tree))
        found = []
        for mutant in tried:
            if survives(module, tree, mutant, tests):
                found.append(mutant.name)
                print(f"  {mutant.name}", file=sys.stderr, flush=True)
        total = len(tried)
        short = module.rpartition(".")[2]
        new = [name for name in found if f"{short}.{name}" not in explained]
        unexplained += len(new)
        print(
            f"{module}: {total - len(found)} of {total} noticed, {len(found) - len(new)} make no "
            f"difference, {len(new)} missed; {time.monotonic() - started:.0f} s",
            flush=True,
        )
        for name in new:
            print(f"  missed: {short}.{name}", flush=True)
    return 1 if unexplained else 0


if __name__ == "__main__":
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp()
    # The example that fails is enough: it need not be made small.
    hypothesis.settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutation")
    for library in PRELOADED:
        importlib.import_module(library)
    os.chdir(ROOT)
    sys.exit(run(sys.argv[1:]))
