"""docs/backends.md explains every sentence by which an engine's trouble is told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[4]
GUIDE = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
FEWEST = 40


def test_every_trouble_and_its_mend_stand_in_the_guide() -> None:
    told = list(troubles())
    missing = [f"| {cause} | {mends[0]} |" for cause, mends in told if not explained(cause, mends)]
    assert missing == [], "write these rows into docs/backends.md"
    assert len(told) >= FEWEST


def test_the_guide_explains_no_sentence_that_is_never_told() -> None:
    section = GUIDE[GUIDE.index("## When something is wrong") :]
    rows = [line for line in section[: section.index("\n## ", 3)].splitlines() if line[:1] == "|"]
    causes = [row.split(" | ")[0].removeprefix("| ") for row in rows if row[:2] != "|-"]
    known = words_of_the_code()
    unknown = [part for cause in causes for part in parts_of(cause) if part not in known]
    assert unknown == []
    assert len(causes) >= FEWEST


def parts_of(sentence: str) -> list[str]:
    """What stands between names, numbers and the seams at which sentences are put together."""
    if sentence == "it says":
        return []
    return [part.strip() for part in re.split("[…:()]", sentence) if part.strip(" .")]


def words_of_the_code() -> str:
    """Every text in the backends' code."""
    texts = [
        template(node)
        for path in (ROOT / "generation" / "backends").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr | ast.Constant)
    ]
    return "\n".join(texts)


def explained(cause: str, mends: list[str]) -> bool:
    rows = [row for row in GUIDE.splitlines() if row.startswith(f"| {cause} | ")]
    return any(all(mend in row for mend in mends) for row in rows)


def troubles() -> Iterator[tuple[str, list[str]]]:
    """Each cause with its mend, or with all that its mend may be; … stands for what is put in."""
    for path in sorted((ROOT / "generation" / "backends").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Trouble"):
                parts = {keyword.arg: keyword.value for keyword in call.keywords}
                yield template(parts["cause"]), mends_of(parts["mend"], tree)


def mends_of(node: ast.expr, tree: ast.Module) -> list[str]:
    if not isinstance(node, ast.Call):
        return [template(node)]
    (chooser,) = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and each.name == ast.unparse(node.func)
    ]
    returns = [each.value for each in ast.walk(chooser) if isinstance(each, ast.Return)]
    return [template(value) for value in returns if value is not None]


def template(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "…"
