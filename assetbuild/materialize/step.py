"""One materialization: load the inputs, call the function, check and write what it returns.

Runs in a worker, or in the main process with ``--jobs 0``. Nothing is recorded here: the scheduler does that
when the result has arrived.
"""

from __future__ import annotations

import inspect
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from assetbuild.dataclass import dataclass, field
from assetbuild.declare.context import Context
from assetbuild.errors import AssetbuildError, AssetError, Problem
from assetbuild.graph.annotations import keeps_promise, shown
from assetbuild.graph.model import Asset, Graph
from assetbuild.graph.places import relative_place
from assetbuild.load.errors import user_traceback
from assetbuild.load.settings import Settings
from assetbuild.materialize.handed import HandedOn
from assetbuild.materialize.logs import mask_log
from assetbuild.materialize.partitioned import by_partition, keys_of, window_of
from assetbuild.materialize.surroundings import one_process
from assetbuild.materialize.task import InputRef, OutputResult, Task, TaskResult
from assetbuild.record.faults import reach
from assetbuild.store.conversions import convert_table, describe, matches
from assetbuild.store.io import InputContext, OutputContext, Place
from assetbuild.store.objects import Objects, discard, extension_of
from assetbuild.store.registry import IOManagers

__all__ = ["Runtime", "load_object", "run_task"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process needs to run tasks: the graph, and the ways to its values."""

    settings: Settings
    graph: Graph
    io_managers: IOManagers
    objects: Objects
    handed: HandedOn = field(default_factory=HandedOn)
    warehouse: Path = field(init=False)
    """The folder of published values."""

    def __post_init__(self) -> None:
        """Put the folder together once: each asset asks for it."""
        object.__setattr__(self, "warehouse", self.settings.root / self.settings.warehouse)


class _NothingSaid(Exception):  # noqa: N818  # a signal, shown to nobody
    """The function's own exception, so that its traceback is shown and not that of assetbuild."""


def run_task(
    task: Task,
    runtime: Runtime,
    on_progress: Callable[[float, float | None], None] | None = None,
    on_secrets: Callable[[tuple[str, ...]], None] = lambda _texts: None,
) -> TaskResult:
    """Run one task to its end; whatever goes wrong in the user's code or data becomes the result's error.

    ``on_secrets`` hears of the secrets that the asset is given before its function is called.
    """
    asset = runtime.graph.assets[task.asset]
    metadata: Mapping[str, Mapping[str, Any]] = {}
    secrets: tuple[str, ...] = ()
    config: Any = None
    began = time.perf_counter()
    try:
        arguments = {given.parameter: _load(given, runtime, asset) for given in task.inputs}
        if asset.config_class is not None and asset.config_parameter is not None:
            from assetbuild.load.config import validate  # noqa: PLC0415  # few assets have a config

            arguments[asset.config_parameter] = config = validate(asset.config_class, task.config)
        if config is not None or task.env:
            from assetbuild.load.config import secrets_of  # noqa: PLC0415

            secrets = secrets_of(config, task.env)
            if secrets:
                on_secrets(secrets)
        if asset.context_parameter is not None:
            context = Context(
                asset_key=task.asset,
                run_id=task.run_id,
                partition_key=task.partition,
                partition_keys=task.partitions,
                partition_window=window_of(asset, task),
                attempt=task.attempt,
                on_progress=on_progress,
            )
            arguments[asset.context_parameter] = context
            metadata = context.metadata
        reach("before-function", asset.key)
        returned = _call(asset, arguments)
        reach("before-write", asset.key)
        outputs = dict(_outputs(asset, returned, runtime, task))
    except _NothingSaid as error:
        cause = error.__cause__
        assert cause is not None  # noqa: S101  # always raised from the user's exception
        return TaskResult(
            time.perf_counter() - began, error=_masked(user_traceback(cause, runtime.settings.root), secrets)
        )
    except AssetbuildError as error:
        return TaskResult(time.perf_counter() - began, error=_masked(str(error), secrets))
    finally:
        if task.log is not None and secrets:
            sys.stdout.flush()
            sys.stderr.flush()
            mask_log(task.log, secrets)
    if secrets and metadata:
        from assetbuild.load.config import masked  # noqa: PLC0415  # as below

        metadata = {key: masked(said, secrets) for key, said in metadata.items()}
    return TaskResult(time.perf_counter() - began, outputs, metadata)


def load_object(
    name: str, io_manager: str, key: str, runtime: Runtime, load: str | None, columns: tuple[str, ...] | None
) -> Any:
    """Load the value of an asset from its object; raise AssetError when it cannot be given as asked."""
    manager = runtime.io_managers.get(io_manager)
    table = runtime.handed.table(name, manager, runtime.objects, load)
    try:
        if table is not None:
            return convert_table(table, load, columns)
        path = _trusted(name, repr(key), runtime)
        return manager.load(InputContext(asset_key=key, path=path, load=load, columns=columns))
    except (TypeError, ValueError, KeyError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise AssetError(Problem(f"the value of {key!r} cannot be loaded: {reason}")) from error


def _trusted(name: str, whose: str, runtime: Runtime) -> Path:
    path = runtime.objects.path(name)
    if not runtime.objects.trust(name):
        gone = not runtime.objects.has(name)
        with suppress(AssetbuildError):  # the next build then makes it anew, or takes it from what is published
            runtime.objects.discard(name)
        headline = f"the stored value of {whose} is {'gone' if gone else 'damaged'}"
        raise AssetError(Problem(headline, (("object", str(path)),), "Build again: it is made anew."))
    return path


def _load(given: InputRef, runtime: Runtime, asset: Asset) -> Any:
    if given.kind == "value":
        return given.value
    try:
        if given.kind == "object":
            return load_object(given.object, given.io_manager, given.key, runtime, given.load, given.columns)
        # Imported here: a worker that reads neither starts without them.
        from assetbuild.store.readers import load_source, load_source_partitions  # noqa: PLC0415

        if given.kind == "partitions":
            from assetbuild.store.partitions import load_partitions  # noqa: PLC0415

            return load_partitions(
                [runtime.io_managers.get(name) for name in given.io_managers or [given.io_manager] * len(given.parts)],
                given.key,
                [(key, _trusted(name, f"{given.key!r}, partition {key!r},", runtime)) for key, name in given.parts],
                load=given.load,
                columns=given.columns,
                key_column=given.key_column,
                as_mapping=given.as_mapping,
            )
        if given.kind == "file_partitions":
            return load_source_partitions(
                given.key,
                [(key, Path(path)) for key, path in given.parts],
                load=given.load,
                columns=given.columns,
                options=given.options,
                key_column=given.key_column,
                as_mapping=given.as_mapping,
            )
        return load_source(
            [Path(path) for path in given.paths],
            kind=given.source_kind,
            load=given.load,
            columns=given.columns,
            options=given.options,
        )
    except AssetbuildError as error:
        file, line = relative_place(asset.origin, runtime.settings.root)
        first = error.problems[0]
        facts = (*first.facts, *([("file", str(first.file))] if first.file else []))
        raise AssetError(
            Problem(f"input {given.key!r} of {asset.key!r}: {first.headline}", facts, first.advice, file, line)
        ) from error
    except (TypeError, ValueError, KeyError, OSError) as error:
        file, line = relative_place(asset.origin, runtime.settings.root)
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise AssetError(
            Problem(f"input {given.key!r} of {asset.key!r} cannot be loaded: {reason}", (), "", file, line)
        ) from error


def _call(asset: Asset, arguments: dict[str, Any]) -> Any:
    function = asset.definition.function
    positional = [arguments.pop(name) for name in _positional_only(function) if name in arguments]
    yields = asset.definition.multi or (asset.definition.batch is not None and asset.definition.split_by is None)
    try:
        with one_process():
            returned = function(*positional, **arguments)
            if inspect.iscoroutine(returned):
                import asyncio  # noqa: PLC0415  # 80 ms, and only for an async asset

                returned = asyncio.run(returned)
            if yields and isinstance(returned, types.GeneratorType):
                returned = dict(iter(returned))
    except BaseException as error:  # pytest.fail and trio.Cancelled are no Exceptions, and fail the asset too
        raise _NothingSaid from error
    return returned


def _positional_only(function: Callable[..., Any]) -> list[str]:
    if type(function) is types.FunctionType and not function.__code__.co_posonlyargcount and not vars(function):
        return []  # at once: asking for the signature takes 0.05 ms, and hardly any function has such parameters
    parameters = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.POSITIONAL_ONLY]


def _outputs(
    asset: Asset, returned: Any, runtime: Runtime, task: Task
) -> Iterator[tuple[tuple[str, str | None], OutputResult]]:
    assets = runtime.graph.assets
    values = {asset.key: returned} if not asset.definition.multi else _split(asset, returned, runtime)
    staged: list[tuple[str, str | None, OutputResult]] = []
    for key, value in values.items():
        _check_value(assets[key], value, runtime)
        for partition, part in _parts(assets[key], value, runtime, task):
            staged.append((key, partition, _write(assets[key], part, runtime, task.run_id, partition)))
    # Nothing is published before every output is written: a failure half-way leaves the last good values in place.
    for key, partition, result in staged:
        yield (key, partition), _publish(assets[key], result, runtime, partition)


def _parts(asset: Asset, value: Any, runtime: Runtime, task: Task) -> Iterable[tuple[str | None, Any]]:
    """Return the value of each partition that the call was for."""
    keys = keys_of(task)
    if asset.returns_nothing and not asset.definition.multi:
        return dict.fromkeys(keys).items()
    try:
        return by_partition(asset, value, keys)
    except AssetbuildError as error:
        first = error.problems[0]
        raise _broken_promise(asset, runtime, first.headline, first.facts, first.advice) from error


def _split(asset: Asset, returned: Any, runtime: Runtime) -> Mapping[str, Any]:
    keys = asset.siblings
    if isinstance(returned, tuple) and len(returned) == len(keys):
        return dict(zip(keys, returned, strict=True))
    if isinstance(returned, Mapping) and set(returned) == set(keys):
        return {key: returned[key] for key in keys}
    given = ", ".join(map(str, returned)) if isinstance(returned, Mapping) else describe(returned)
    raise _broken_promise(
        asset,
        runtime,
        "the function does not return its outputs",
        (("declared", ", ".join(keys)), ("returned", given)),
        "Return a dict with exactly these keys, a tuple in this order, or yield (key, value) pairs.",
    )


def _check_value(asset: Asset, value: Any, runtime: Runtime) -> None:
    if not asset.definition.multi:
        _check_promise(asset, value, runtime)
    elif value is None:
        raise _broken_promise(asset, runtime, f"output {asset.key!r} is None", (), "Return a value for it.")


def _write(asset: Asset, value: Any, runtime: Runtime, run_id: str, partition: str | None) -> OutputResult:
    if asset.returns_nothing and not asset.definition.multi:
        return OutputResult(None, {}, None, None, None, "none", "")
    name = asset.out.io_manager or runtime.io_managers.default_for(value)
    staging = runtime.objects.staging(asset.key)
    try:
        written = runtime.io_managers.get(name).write(
            OutputContext(
                asset_key=asset.key,
                path=staging,
                partition_key=partition,
                run_id=run_id,
                unordered=asset.out.unordered,
            ),
            value,
        )
        if not written.extension and staging.is_dir():
            _check_folder(asset, runtime)
        size_bytes = _size(staging) if written.data is None else written.data.nbytes
        reach("before-add", asset.key)
        stored = runtime.objects.add(staging, written.extension, written.data)
        runtime.handed.wrote(stored, written.data)
    except (AssetbuildError, KeyboardInterrupt):
        discard(staging)  # at once: on a full disk the rest of the build needs the room
        raise
    except Exception as error:  # lazy values compute while they are written, so this may be any error of the user's
        discard(staging)
        raise _broken_promise(
            asset,
            runtime,
            f"the value cannot be kept by the IO manager {name!r}: {error}",
            (("returned", describe(value)), *([("partition", partition)] if partition is not None else [])),
            "",
        ) from error
    return OutputResult(written.data_version, dict(written.columns), written.rows, size_bytes, stored, name)


def _check_folder(asset: Asset, runtime: Runtime) -> None:
    """Refuse a folder without a suffix at a key that others lie below: publishing it would sweep theirs away."""
    below = [key for key in runtime.graph.assets if key.startswith(f"{asset.key}/")]
    if below:
        raise _broken_promise(
            asset,
            runtime,
            "the folder that it returned would be stored where other assets are",
            (("others", ", ".join(below[:3])),),
            "Give the folder a suffix, or rename one of the assets.",
        )


def _publish(asset: Asset, result: OutputResult, runtime: Runtime, partition: str | None) -> OutputResult:
    if result.object is None:
        return result
    manager = runtime.io_managers.get(result.io_manager)
    reach("before-publish", asset.key)
    if manager.one_writer:
        return result
    place = Place(
        warehouse=runtime.warehouse,
        asset_key=asset.key,
        partition_key=partition,
        extension=extension_of(result.object),
        dimensions=asset.dimensions,
    )
    stamp = manager.publish(place, runtime.objects.path(result.object))
    reach("after-publish", asset.key)
    return OutputResult(
        result.data_version,
        result.columns,
        result.rows,
        result.size_bytes,
        result.object,
        result.io_manager,
        manager.location(place),
        stamp,
    )


def _check_promise(asset: Asset, value: Any, runtime: Runtime) -> None:
    if asset.returns_nothing:
        if value is not None:
            advice = "Drop '-> None', or return nothing."
            raise _broken_promise(
                asset, runtime, f"the function returned {describe(value)}, and promised None", (), advice
            )
        return
    if asset.returns is not None and asset.returns != "value":
        allows_none = value is None and keeps_promise(value, asset.returns_type)
        kept = matches(value, asset.returns) or allows_none
    else:
        kept = asset.returns is None or keeps_promise(value, asset.returns_type)
    if not kept:
        promised = asset.returns if asset.returns not in {None, "value"} else shown(asset.returns_type)
        raise _broken_promise(
            asset,
            runtime,
            f"the function returned {describe(value)}, and promised {promised}",
            (),
            "Return what the annotation says, or change the annotation.",
        )
    if value is None and asset.returns is None:
        advice = "Return a value; or annotate '-> None' if the asset only has side effects."
        raise _broken_promise(asset, runtime, "the function returned None", (), advice)


def _broken_promise(
    asset: Asset, runtime: Runtime, headline: str, facts: tuple[tuple[str, str], ...], advice: str
) -> AssetError:
    file, line = relative_place(asset.origin, runtime.settings.root)
    return AssetError(Problem(f"asset {asset.key!r}: {headline}", facts, advice, file, line))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _masked(text: str, secrets: Sequence[str]) -> str:
    if secrets:
        from assetbuild.load.config import masked  # noqa: PLC0415  # imported when the secrets were gathered

        text = masked(text, secrets)
    # Half a surrogate pair, as os.listdir gives for odd file names, is no text to a database or a terminal.
    return text.encode("utf-8", "backslashreplace").decode()
