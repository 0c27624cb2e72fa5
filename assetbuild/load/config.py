"""Resolve the config of each asset: project file, then ``--config FILE``, then ``--set``; checked by pydantic.

Out: the values that the asset function gets, and their version, one part per key, secrets only as hashes.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from assetbuild.dataclass import dataclass
from assetbuild.errors import Problem, UsageError, closest
from assetbuild.fingerprint.encoding import digest
from assetbuild.fingerprint.recipe import Shown
from assetbuild.graph.model import Asset, Graph
from assetbuild.graph.places import relative_place
from assetbuild.load.settings import Settings, line_of_error, line_of_table

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "MASK",
    "ConfigValues",
    "ResolvedConfig",
    "config_section",
    "configure",
    "gather",
    "masked",
    "secrets_of",
    "validate",
]


MASK = "**********"
"""What is shown in place of a secret."""
_MASKED_LENGTH: Final = 6
"""Shorter values of variables, and unused defaults, stay: '1' or 'dev' would be masked wherever a log has them."""


@dataclass(frozen=True, slots=True)
class ConfigValues:
    """Config tables by section, still unchecked, and where each value was said."""

    tables: Mapping[str, Mapping[str, Any]]
    texts: Mapping[tuple[str, str], str]
    """The raw text of ``--set`` values by (section, key), for fields that want text though it looks like a number."""
    places: Mapping[tuple[str, str], tuple[str | None, int | None]]
    root: Path


_MEND: Final = "Mend the value."


@dataclass(frozen=True, slots=True)
class ResolvedConfig:
    """Checked config: raw tables and version parts by asset key, and every secret in them, so that none is stored."""

    tables: Mapping[str, Mapping[str, Any]]
    parts: Mapping[str, Mapping[str, Shown]]
    secrets: frozenset[str]


def config_section(asset: Asset) -> str:
    """Return the name of the table with an asset's config: its key, or the function's name in a ``multi_asset``."""
    return getattr(asset.definition.function, "__name__", asset.key) if asset.definition.multi else asset.key


def section_names(graph: Graph) -> Mapping[str, str]:
    """Return the names of the tables with the assets' config, as keys."""
    kept: Mapping[str, str] | None = getattr(graph, "sections", None)  # of a graph that comes from the manifest
    every = kept.values() if kept is not None else map(config_section, graph.assets.values())
    return {name: name for name in every}


def configure(settings: Settings, config_file: Path | None, assignments: Sequence[str], graph: Graph) -> ResolvedConfig:
    """Merge the three origins of config values and check them; raise UsageError with every problem found."""
    problems: list[Problem] = []
    resolved = _resolve(graph, _merge(settings, config_file, assignments, graph, problems), problems)
    if problems:
        raise UsageError(*problems)
    return resolved


def gather(settings: Settings, config_file: Path | None, assignments: Sequence[str], graph: Graph) -> ConfigValues:
    """Merge the three origins of config values; raise UsageError with every problem of form."""
    problems: list[Problem] = []
    values = _merge(settings, config_file, assignments, graph, problems)
    if problems:
        raise UsageError(*problems)
    return values


def _merge(
    settings: Settings, config_file: Path | None, assignments: Sequence[str], graph: Graph, problems: list[Problem]
) -> ConfigValues:
    sections = section_names(graph)
    tables: dict[str, dict[str, Any]] = {}
    places: dict[tuple[str, str], tuple[str | None, int | None]] = {}
    texts: dict[tuple[str, str], str] = {}

    def take(section: str, said: Mapping[str, Any], file: str | None, line: Any) -> None:
        if section not in sections:
            near = closest(section, sections)
            problems.append(
                Problem(
                    f"config for {section!r}, which is no asset",
                    (("closest", near),) if near else (),
                    f"Rename it to {near!r}." if near else "Remove it, or declare the asset.",
                    file,
                    line(None),
                )
            )
            return
        for key, value in said.items():
            tables.setdefault(section, {})[key] = _ordered(value)
            places[section, key] = (file, line(key))

    for section, said in settings.config.items():
        file = settings.place("config", section)[0]
        take(section, said, file, lambda key, s=section: settings.place("config", s, *([key] if key else []))[1])
    if config_file is not None:
        text, every = _config_file(config_file)
        for section, said in every.items():
            take(
                section,
                said,
                str(config_file),
                lambda key, s=section: line_of_table(text, [s, *([key] if key else [])]),
            )
    for assignment in assignments:
        try:
            section, key, text = _assignment(assignment, sections)
        except ValueError as error:
            problems.append(Problem(str(error), (("given", f"--set {assignment}"),), "Write --set ASSET.KEY=VALUE."))
            continue
        take(section, _nested(key, _value(text), tables.get(section, {})), f"--set {assignment}", lambda _key: None)
        texts[section, key] = text
    return ConfigValues(tables, texts, places, settings.root)


def _resolve(graph: Graph, values: ConfigValues, problems: list[Problem]) -> ResolvedConfig:
    raw: dict[str, dict[str, Any]] = {}
    parts: dict[str, dict[str, Shown]] = {}
    secrets: set[str] = set()
    checked: dict[int, tuple[dict[str, Any], dict[str, Shown]]] = {}
    for key, asset in graph.assets.items():
        if id(asset.definition) not in checked:
            checked[id(asset.definition)] = _resolve_one(asset, values, problems, secrets)
        table, said = checked[id(asset.definition)]
        if table or said:  # most assets take none
            raw[key], parts[key] = table, said
    return ResolvedConfig(raw, parts, frozenset(secrets))


def validate(config_class: type, table: Mapping[str, Any]) -> Any:
    """Return the config object of a table that was checked before."""
    return config_class(**table)


def _resolve_one(
    asset: Asset, values: ConfigValues, problems: list[Problem], secrets: set[str]
) -> tuple[dict[str, Any], dict[str, Shown]]:
    section = config_section(asset)
    table = dict(values.tables.get(section, {}))
    if asset.config_class is None:
        for key in table:
            file, line = values.places.get((section, key), (None, None))
            problems.append(
                Problem(f"config key {key!r} of {section!r}: the asset takes no config", (), "Remove it.", file, line)
            )
        return {}, {}
    from pydantic import ValidationError  # noqa: PLC0415  # 70 ms, and only projects with a Config have paid it already

    try:
        config = asset.config_class(**table)
    except ValidationError as error:
        retried = _with_texts(table, section, values, error)
        try:
            config = asset.config_class(**retried)
            table = retried
        except ValidationError as again:
            problems.extend(_validation_problems(again, asset, section, values))
            return {}, {}
    except Exception as error:  # noqa: BLE001  # a user's validator may raise anything
        problems.append(
            Problem(
                f"config of {section!r}: {type(error).__name__}: {error}", (), _MEND, *values_place(values, section)
            )
        )
        return {}, {}
    secrets.update(_secret_texts(config))
    # A default that is not used today still stands in the source, whose text is kept for diffs.
    fields: Mapping[str, Any] = asset.config_class.model_fields  # type: ignore[attr-defined]
    defaults = [text for field in fields.values() for text in _secret_texts(field.default)]
    secrets.update(text for text in defaults if len(text) >= _MASKED_LENGTH)
    return table, dict(_parts(config, ""))


def secrets_of(config: Any, variables: Iterable[str]) -> tuple[str, ...]:
    """Return what may not stand in an asset's log: secrets of its config, values of the variables that it reads."""
    found = {text for text in _secret_texts(config) if text}
    values = (os.environ.get(name, "") for name in variables)
    # A folder such as HOME is no secret, and stands in every traceback.
    found.update(value for value in values if len(value) >= _MASKED_LENGTH and not os.path.lexists(value))
    return tuple(sorted(found, key=lambda text: (-len(text), text)))  # one may be the beginning of another


def masked(value: Any, secrets: Iterable[str]) -> Any:
    """Return text, or what JSON can hold, with a mask in the place of every secret."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {masked(name, secrets): masked(item, secrets) for name, item in value.items()}
    return [masked(item, secrets) for item in value] if isinstance(value, (list, tuple)) else value


def _secret_texts(model: Any) -> Iterator[str]:
    """Yield the secrets in a config object as text, also those in nested models and containers."""
    if hasattr(model, "get_secret_value"):
        secret = model.get_secret_value()
        yield secret if isinstance(secret, str) else bytes(secret).decode(errors="replace")
    elif hasattr(type(model), "model_fields"):
        for name in type(model).model_fields:
            yield from _secret_texts(getattr(model, name))
    elif isinstance(model, Mapping):
        for value in model.values():
            yield from _secret_texts(value)
    elif isinstance(model, (list, tuple, set, frozenset)):
        for value in model:
            yield from _secret_texts(value)


def values_place(values: ConfigValues, section: str) -> tuple[str | None, int | None]:
    """Return the place of the first value of a section."""
    return next((place for (at, _), place in values.places.items() if at == section), (None, None))


def _with_texts(table: dict[str, Any], section: str, values: ConfigValues, error: Any) -> dict[str, Any]:
    # '--set report.title=2013' means the text "2013" where the field is text.
    wrong = {str(problem["loc"][0]) for problem in error.errors(include_url=False) if problem["loc"]}
    texts = {key: text for (at, key), text in values.texts.items() if at == section and key in wrong}
    return {**table, **texts}


def _validation_problems(error: Any, asset: Asset, section: str, values: ConfigValues) -> Iterator[Problem]:
    fields = asset.config_class.model_fields  # type: ignore[union-attr]
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in found["loc"])
        top = str(found["loc"][0]) if found["loc"] else ""
        file, line = values.places.get((section, top), (None, None))
        facts: list[tuple[str, str]] = []
        advice = ""
        if found["type"] == "extra_forbidden":
            headline = f"unknown config key {path!r} of {section!r}"
            near = closest(top, fields)
            facts = [("known", ", ".join(fields) or "none"), *([("closest", near)] if near else [])]
            advice = f"Rename it to {near!r}." if near else "Remove it."
        elif found["type"] == "missing":
            headline = f"config key {path!r} of {section!r} is required and not set"
            advice = f"Set it under [config.{section}], or with --set {section}.{path}=VALUE."
        else:
            headline = f"config key {path!r} of {section!r}: {found['msg'][:1].lower()}{found['msg'][1:]}"
            # The value is not shown: it may be a secret.
            advice = _MEND
        if file is None:
            file, line = relative_place(asset.origin, values.root)
        yield Problem(headline, tuple(facts), advice, file, line)


def _parts(model: BaseModel, prefix: str) -> Iterator[tuple[str, Shown]]:
    from pydantic import BaseModel, SecretBytes, SecretStr  # noqa: PLC0415

    for name in type(model).model_fields:
        value = getattr(model, name)
        path = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _parts(value, f"{path}.")
        elif isinstance(value, (SecretStr, SecretBytes)):
            yield path, Shown(digest("secret", str(value.get_secret_value())), None)
        else:
            encoded, secret = _canonical(value)
            yield path, Shown(digest("config", encoded), None if secret else _shown(value))


def _ordered(value: Any) -> Any:
    """Return tables with their keys sorted: in TOML and JSON their order says nothing."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=str)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    text = (
        json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool, int, float, type(None))) else str(value)
    )
    return text if len(text) <= 200 else f"{text[:197]}..."  # noqa: PLR2004


def _canonical(value: Any) -> tuple[Any, bool]:
    """Return an encodable form and whether a secret is inside."""
    from pydantic import BaseModel, SecretBytes, SecretStr  # noqa: PLC0415

    if value is None or type(value) in {bool, int, float, str, bytes}:
        return value, False
    if isinstance(value, (SecretStr, SecretBytes)):
        return ["secret", digest("secret", str(value.get_secret_value()))], True
    if isinstance(value, BaseModel):
        items = [(name, _canonical(getattr(value, name))) for name in type(value).model_fields]
        return {name: item for name, (item, _) in items}, any(secret for _, (_, secret) in items)
    if isinstance(value, Mapping):
        pairs = [(_canonical(key), _canonical(value[key])) for key in sorted(value, key=str)]
        return [[key[0], item[0]] for key, item in pairs], any(key[1] or item[1] for key, item in pairs)
    if isinstance(value, (list, tuple)):
        found = [_canonical(item) for item in value]
        return [item for item, _ in found], any(secret for _, secret in found)
    if isinstance(value, (set, frozenset)):
        found = [_canonical(item) for item in value]
        return ["set", sorted(digest("item", item) for item, _ in found)], any(secret for _, secret in found)
    if hasattr(value, "value") and hasattr(type(value), "__members__"):  # an enum
        return ["enum", value.name, _canonical(value.value)[0]], False
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return [type(value).__qualname__, text], False


def _config_file(path: Path) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """Return the text of a config file and the tables in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            Problem(f"the config file cannot be read: {error.strerror}", (), "Correct the path of --config.", str(path))
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(Problem("the config file is not UTF-8 text", (), "Save it as UTF-8.", str(path))) from error
    try:
        said = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        headline = f"the config file is not valid {kind}: {error}"
        raise UsageError(Problem(headline, (), "Correct the line.", str(path), line_of_error(error))) from error
    if not isinstance(said, dict) or not all(isinstance(table, dict) for table in said.values()):
        wrong = (
            next((key for key, table in said.items() if not isinstance(table, dict)), "")
            if isinstance(said, dict)
            else ""
        )
        raise UsageError(
            Problem(
                f"the config file holds one table per asset; {wrong!r} is none",
                (),
                "Write [ASSET], then KEY = VALUE.",
                str(path),
                line_of_table(text, [str(wrong)]),
            )
        )
    return text, said


def _assignment(assignment: str, sections: Mapping[str, str]) -> tuple[str, str, str]:
    name, equals, text = assignment.partition("=")
    if not equals:
        message = "an assignment needs '='"
        raise ValueError(message)
    name = name.strip()
    cuts = [at for at, character in enumerate(name) if character == "."]
    if not cuts:
        message = "an assignment names an asset and a key"
        raise ValueError(message)
    # A key may hold dots itself: the longest asset that fits wins.
    cut = next((at for at in reversed(cuts) if name[:at] in sections), cuts[0])
    if not name[cut + 1 :]:
        message = "an assignment names an asset and a key"
        raise ValueError(message)
    return name[:cut], name[cut + 1 :], text


def _nested(key: str, value: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    first, dot, rest = key.partition(".")
    if not dot:
        return {first: value}
    inner = table.get(first, {})
    inner = dict(inner) if isinstance(inner, Mapping) else {}
    return {first: {**inner, **_nested(rest, value, inner)}}


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
