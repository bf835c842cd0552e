"""The laws of the source: who may know whom, and what no module may do.

Each law has a floor, so that it cannot pass by seeing nothing.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEWEST_MODULES = 60
LONGEST_MODULE = 350

# Longer modules, each with the reason why it is not split.
LONG_MODULES = {
    "generation.demo_model.scenes": "a table of the scenes that the model knows",
}

# Library → the only modules that may import it, and how many must (the floor).
OWNERS: dict[str, tuple[tuple[str, ...], int]] = {
    "torch": (("generation.worker", "generation.demo_model"), 2),
    "diffusers": (("generation.worker", "generation.demo_model"), 1),
    "transformers": (("generation.worker", "generation.demo_model"), 1),
    "peft": (("generation.worker", "generation.demo_model"), 0),
    "safetensors": (("generation.worker", "generation.demo_model"), 1),
    "PIL": (
        (
            "generation.images",
            "generation.worker",
            "generation.demo_model",
            "generation.backends.scripted",
        ),
        2,
    ),
    "sqlalchemy": (("generation.store",), 2),
    "alembic": (("generation.store",), 1),
    # A workflow's mapping is no configuration: it lies beside its graph and is written for it.
    "huggingface_hub": (("bot.fetch",), 1),
    "tomllib": (("bot.config", "generation.backends.comfyui"), 1),
    "discord": (("bot",), 5),
    "bot.config": (
        (
            "bot.config",
            "bot.access",
            "bot.app",
            "bot.backends",
            "bot.bench",
            "bot.check",
            "bot.check_engine",
            "bot.cli",
            "bot.demo",
            "bot.endings",
            "bot.fetch",
            "bot.engines",
        ),
        3,
    ),
    "bot.sandbox": (("bot.sandbox", "bot.cli", "bot.demo"), 5),
    "bot.app": (("bot.cli", "bot.demo"), 1),
    "argparse": (("bot.arguments", "bot.cli", "generation.demo_model"), 1),
}

# Package → what it must never import.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "generation": ("bot", "discord"),
    "bot.cogs": ("bot.views", "generation.backends", "generation.store", "sqlalchemy"),
    "bot.views": ("bot.cogs", "generation.backends", "generation.store", "sqlalchemy"),
}

# Who may start tasks; everyone else awaits, or hands the work to one of these.
TASK_OWNERS = ("bot.app", "bot.sandbox", "generation.dispatcher", "generation.shield")

# A backend's worker outlives every call, so its reader and its watchdog do too.
BACKEND_TASK_OWNERS = ("generation.backends",)

# A child process is given the environment, less its secrets; the worker sets its own.
ENVIRONMENT_HANDLERS = (
    "bot.config",
    "generation.backends.process",
    "generation.images.uploads",
    "generation.worker",
)

# Where ``except Exception`` may end an error: the command tree, the dispatcher, the worker.
BORDERS = ("bot.errors", "generation.dispatcher", "generation.worker", "bot.cli", "bot.sandbox")

PRINTERS = ("bot.cli", "generation.demo_model")

BLOCKING_CALLS = frozenset(
    {
        "time.sleep",
        "open",
        "input",
        "subprocess.run",
        "subprocess.Popen",
        "subprocess.check_output",
        "urllib.request.urlopen",
        "shutil.copy",
        "shutil.rmtree",
        "socket.create_connection",
        "os.remove",
        "os.fsync",
        "zlib.compress",
    }
)
BLOCKING_METHODS = frozenset(
    {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "rglob", "glob"}
)
BLOCKING_MODULES = frozenset({"requests", "httpx", "urllib3", "sqlite3"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    name: str
    text: str
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """Every imported name in full: ``from a import b`` gives ``a`` and ``a.b``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.name} has a relative import"
                yield node.module or ""
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def knows(self, package: str) -> bool:
        return any(is_in(name, (package,)) for name in self.imports())


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for package in ("bot", "generation"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "__pycache__" in path.parts:
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            text = path.read_text(encoding="utf-8")
            name = name.removesuffix(".__init__")
            found.append(Module(name=name, text=text, tree=ast.parse(text)))
    assert len(found) >= FEWEST_MODULES
    return tuple(found)


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_known_to_its_owners_alone(library: str) -> None:
    owners, floor = OWNERS[library]
    users = [module.name for module in modules() if module.knows(library)]
    assert [name for name in users if not is_in(name, owners)] == []
    assert len(users) >= floor


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_does_not_know_what_is_above_or_beside_it(package: str) -> None:
    members = [module for module in modules() if is_in(module.name, (package,))]
    broken = [
        (module.name, other)
        for module in members
        for other in FORBIDDEN[package]
        if module.knows(other)
    ]
    assert broken == []
    assert len(members) >= 2


def test_the_sandbox_is_a_discord_and_knows_nothing_of_easel() -> None:
    members = [module for module in modules() if is_in(module.name, ("bot.sandbox",))]
    foreign = {
        (module.name, name)
        for module in members
        for name in module.imports()
        if is_in(name, ("bot", "generation", "discord")) and not is_in(name, ("bot.sandbox",))
        if name != "bot"
    }
    assert foreign == set()
    assert len(members) >= 10


def test_the_environment_is_read_in_the_configuration_alone() -> None:
    readers = {
        module.name
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert {name for name in readers if not is_in(name, ENVIRONMENT_HANDLERS)} == set()
    assert readers


def test_the_bots_process_never_loads_a_model_library() -> None:
    program = (
        "import sys, bot.app, bot.cli\n"
        "print([name for name in ('torch', 'diffusers', 'transformers', 'peft') "
        "if name in sys.modules], 'discord' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[] True\n", done.stderr


def test_no_coroutine_calls_what_blocks() -> None:
    seen = 0
    broken = []
    for module in modules():
        for function in ast.walk(module.tree):
            if not isinstance(function, ast.AsyncFunctionDef):
                continue
            seen += 1
            broken += [
                f"{module.name}:{call.lineno} {ast.unparse(call.func)}"
                for call in own_calls(function)
                if blocks(call)
            ]
    assert broken == []
    assert seen >= 100


def test_no_library_that_blocks_is_imported() -> None:
    assert [m.name for m in modules() for name in BLOCKING_MODULES if m.knows(name)] == []


def test_every_task_has_an_owner_and_a_name() -> None:
    starts = [
        (module.name, call)
        for module in modules()
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and called(call).endswith(("create_task", "ensure_future"))
    ]
    for name, call in starts:
        where = f"{name}:{call.lineno}"
        if called(call).startswith("asyncio."):
            owners = TASK_OWNERS + BACKEND_TASK_OWNERS
            assert is_in(name, owners), f"{where} starts a task and is no owner of tasks"
        assert any(keyword.arg == "name" for keyword in call.keywords), f"{where} names no task"
    assert len(starts) >= 3


def test_only_borders_swallow_every_exception() -> None:
    seen = 0
    for module in modules():
        for handler in ast.walk(module.tree):
            if not isinstance(handler, ast.ExceptHandler) or not is_broad(handler):
                continue
            seen += 1
            raises = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
            where = f"{module.name}:{handler.lineno}"
            assert raises or is_in(module.name, BORDERS), f"{where} swallows every exception"
    assert seen >= 1


def test_every_module_says_what_lives_there() -> None:
    for module in modules():
        docstring = ast.get_docstring(module.tree)
        assert docstring, f"{module.name} has no docstring"
        first = docstring.splitlines()[0]
        assert first.endswith("."), f"{module.name}'s docstring does not begin with one sentence"


def test_only_the_command_line_prints() -> None:
    printers = {
        module.name
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) == "print"
    }
    assert {name for name in printers if not is_in(name, PRINTERS)} == set()
    assert "bot.cli" in printers


def test_modules_stay_short() -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in modules()}
    long = {name: length for name, length in lengths.items() if length > LONGEST_MODULE}
    assert sorted(set(long) - set(LONG_MODULES)) == [], f"split them, or say why not: {long}"
    assert sorted(set(LONG_MODULES) - set(long)) == [], "these are short now: strike them off"
    assert max(lengths.values()) >= 100


def test_nothing_is_marked_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HACK")
    broken = [(module.name, mark) for module in modules() for mark in marks if mark in module.text]
    assert broken == []


def own_calls(function: ast.AsyncFunctionDef) -> Iterator[ast.Call]:
    """The calls in a coroutine's own body: functions inside it may run elsewhere."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            # What is awaited does not block, whatever its name; its arguments may.
            waiting.extend([node.value.func, *node.value.args])
            waiting.extend(keyword.value for keyword in node.value.keywords)
            continue
        waiting.extend(ast.iter_child_nodes(node))


def blocks(call: ast.Call) -> bool:
    name = called(call)
    if name in BLOCKING_CALLS:
        return True
    return isinstance(call.func, ast.Attribute) and call.func.attr in BLOCKING_METHODS


def called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(name) in {"Exception", "BaseException"} for name in names)
