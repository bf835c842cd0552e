"""Judges the bot's requests and the sandbox's answers by Discord's own OpenAPI document."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from bot.sandbox import Exchange, Sandbox
from bot.sandbox.wire import Json

Schema = dict[str, Any]

_ROOT = Path(__file__).parents[2]
_NO_BODY = frozenset({204})
_EXEMPT = re.compile(r"^/applications/\d+/skus$")
# Closed enumerations that lag behind what Discord takes.
_OPEN_ENUMS = ("MessageReferenceType", "ChannelTypes")


def document_path() -> Path:
    """Return where the document is expected: EASEL_DISCORD_OPENAPI, or beside the repository."""
    named = os.environ.get("EASEL_DISCORD_OPENAPI")
    return Path(named) if named else _ROOT.parent / "shared" / "discord-openapi.json"


@dataclass(frozen=True, slots=True)
class _Operation:
    pattern: re.Pattern[str]
    parameters: int
    method: str
    spec: Schema


class Conformance:
    """An observer for `sandbox.observers`; what it finds is in `faults`, one sentence each.

    Requests that the sandbox refuses, and exchanges struck by a planned fault, are not judged.
    """

    def __init__(self, document: Schema) -> None:
        _mend(document)
        lenient = copy.deepcopy(document)
        # Clients send ids as integers too; answers must be strings.
        lenient["components"]["schemas"]["SnowflakeType"] = {
            "oneOf": [
                document["components"]["schemas"]["SnowflakeType"],
                {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
            ]
        }
        registry: Registry[bool | Mapping[str, Any]] = Registry()
        self._registry = registry.with_resources(
            (uri, DRAFT202012.create_resource(contents))
            for uri, contents in (("urn:request", lenient), ("urn:answer", document))
        )
        self._operations = sorted(_operations(document), key=lambda item: item.parameters)
        self.faults: list[str] = []
        self.judged = 0

    def __call__(self, exchange: Exchange) -> None:
        """Judge one exchange."""
        if exchange.faulty or _EXEMPT.match(exchange.path):
            return
        where = f"{exchange.method} {exchange.path}"
        operation = self._operation(exchange)
        if operation is None:
            if exchange.status != 404:
                self.faults.append(f"{where}: Discord has no such route")
            return
        self.judged += 1
        if exchange.status < 400:
            self._judge_request(operation, exchange, where)
        self._judge_answer(operation, exchange, where)

    def _operation(self, exchange: Exchange) -> _Operation | None:
        return next(
            (
                item
                for item in self._operations
                if item.method == exchange.method and item.pattern.fullmatch(exchange.path)
            ),
            None,
        )

    def _judge_request(self, operation: _Operation, exchange: Exchange, where: str) -> None:
        body = operation.spec.get("requestBody")
        if body is None:
            if exchange.body is not None:
                self.faults.append(f"{where}: a body where none belongs")
            return
        if exchange.body is None:
            if body.get("required") is True:
                self.faults.append(f"{where}: the body is missing")
            return
        schema = body["content"]["application/json"]["schema"]
        self._judge(schema, exchange.body, "urn:request", f"{where} request")
        if exchange.files:
            self._judge_files(exchange, where)

    def _judge_files(self, exchange: Exchange, where: str) -> None:
        body = exchange.body if isinstance(exchange.body, Mapping) else {}
        inner = body.get("data") if "data" in body else body
        listed = inner.get("attachments") if isinstance(inner, Mapping) else None
        ids = {
            str(item.get("id"))
            for item in (listed if isinstance(listed, list) else [])
            if isinstance(item, Mapping)
        }
        for index, name, _ in exchange.files:
            if str(index) not in ids:
                self.faults.append(f"{where}: files[{index}] ({name}) is not among attachments")

    def _judge_answer(self, operation: _Operation, exchange: Exchange, where: str) -> None:
        responses = operation.spec["responses"]
        found = responses.get(str(exchange.status)) or responses.get(f"{exchange.status // 100}XX")
        if found is None:
            self.faults.append(f"{where}: Discord never answers {exchange.status} here")
            return
        if "$ref" in found:
            found = {"content": {"application/json": {"schema": _error_schema(found["$ref"])}}}
        content = found.get("content")
        if content is None or exchange.status in _NO_BODY:
            if exchange.answer is not None:
                self.faults.append(f"{where}: {exchange.status} with a body")
            return
        schema = content["application/json"]["schema"]
        self._judge(schema, exchange.answer, "urn:answer", f"{where} answer {exchange.status}")

    def _judge(self, schema: Schema, value: Json, document: str, where: str) -> None:
        validator = Draft202012Validator(
            _absolute(schema, document), registry=self._registry, format_checker=FormatChecker([])
        )
        for error in validator.iter_errors(value):
            for leaf in _explained(error):
                path = ".".join(str(step) for step in leaf.absolute_path) or "body"
                self.faults.append(f"{where}: {path}: {leaf.message[:300]}")


@contextmanager
def judged(sandbox: Sandbox, conformance: Conformance | None) -> Iterator[None]:
    """Hold all that is said in the sandbox against the document, where there is one."""
    if conformance is None:
        yield
        return
    conformance.faults.clear()
    sandbox.observers.append(conformance)
    yield
    if conformance.faults:
        pytest.fail("\n".join(["against Discord's OpenAPI document:", *conformance.faults]))


def load() -> Conformance:
    """Read the document; raises `FileNotFoundError` where it is absent."""
    return Conformance(json.loads(document_path().read_text("utf-8")))


def _mend(document: Schema) -> None:
    schemas = document["components"]["schemas"]
    for name in _OPEN_ENUMS:
        schemas[name] = {"type": "integer"}
    # The document has numbers for the codes of form errors; Discord sends names.
    schemas["InnerErrors"]["properties"]["_errors"]["items"] = {
        "type": "object",
        "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        "required": ["code", "message"],
    }


def _operations(document: Schema) -> Iterator[_Operation]:
    for path, methods in document["paths"].items():
        parameters = path.count("{")
        pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
        for method, spec in methods.items():
            if method in {"get", "put", "post", "patch", "delete"}:
                yield _Operation(pattern, parameters, method.upper(), spec)


def _error_schema(reference: str) -> Schema:
    name = reference.rsplit("/", 1)[-1]
    return {"$ref": f"#/components/responses/{name}/content/application~1json/schema"}


def _absolute(schema: Schema, document: str) -> Schema:
    text = json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{document}#/')
    result: Schema = json.loads(text)
    return result


def _explained(error: ValidationError) -> Iterable[ValidationError]:
    """Go down a union into the branch whose `type` fits, so that the message says what is wrong."""
    if error.validator not in {"oneOf", "anyOf"} or not error.context:
        return [error]
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    fitting = [
        errors
        for errors in branches.values()
        if not any(list(item.relative_path)[-1:] == ["type"] for item in errors)
        and not any(item.validator == "type" and not item.relative_path for item in errors)
    ]
    chosen = min(fitting or list(branches.values()), key=len)
    return [leaf for inner in chosen for leaf in _explained(inner)]
