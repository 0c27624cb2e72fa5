"""One materialization: load the inputs, call the function, check and write what it returns.

Runs in a worker, or in the main process with ``--jobs 0``. Nothing is recorded here: the scheduler does that
when the result has arrived.
"""

from __future__ import annotations

import inspect
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assetbuild.declare.context import Context
from assetbuild.errors import AssetbuildError, AssetError, Problem
from assetbuild.graph.annotations import keeps_promise, shown
from assetbuild.graph.build import relative_place
from assetbuild.graph.model import Asset, Graph
from assetbuild.load.config import MASK, secret_texts, validate
from assetbuild.load.errors import user_traceback
from assetbuild.load.settings import Settings
from assetbuild.materialize.task import InputRef, OutputResult, Task, TaskResult
from assetbuild.plan.outputs import extension_of
from assetbuild.record.faults import reach
from assetbuild.store.conversions import describe, matches
from assetbuild.store.io import InputContext, OutputContext, Place
from assetbuild.store.objects import Objects, discard
from assetbuild.store.readers import load_source
from assetbuild.store.registry import IOManagers

__all__ = ["Runtime", "load_object", "run_task"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process needs to run tasks: the graph, and the ways to its values."""

    settings: Settings
    graph: Graph
    io_managers: IOManagers
    objects: Objects

    @property
    def warehouse(self) -> Path:
        """The folder of published values."""
        return self.settings.root / self.settings.warehouse


class _NothingSaid(Exception):  # noqa: N818  # a signal, shown to nobody
    """The function's own exception, so that its traceback is shown and not that of assetbuild."""


def run_task(
    task: Task, runtime: Runtime, on_progress: Callable[[float, float | None], None] | None = None
) -> TaskResult:
    """Run one task to its end; whatever goes wrong in the user's code or data becomes the result's error."""
    asset = runtime.graph.assets[task.asset]
    context = Context(
        asset_key=task.asset,
        run_id=task.run_id,
        partition_key=task.partition,
        attempt=task.attempt,
        on_progress=on_progress,
    )
    secrets: list[str] = []
    began = time.perf_counter()
    try:
        arguments = {given.parameter: _load(given, runtime, asset) for given in task.inputs}
        if asset.config_class is not None and asset.config_parameter is not None:
            arguments[asset.config_parameter] = config = validate(asset.config_class, task.config)
            secrets.extend(filter(None, secret_texts(config)))
        if asset.context_parameter is not None:
            arguments[asset.context_parameter] = context
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
            _mask_log(task.log, secrets)
    return TaskResult(time.perf_counter() - began, outputs, context.metadata)


def load_object(
    name: str, io_manager: str, key: str, runtime: Runtime, load: str | None, columns: tuple[str, ...] | None
) -> Any:
    """Load the value of an asset from its object; raise AssetError when it cannot be given as asked."""
    path = runtime.objects.path(name)
    if not runtime.objects.trust(name):
        gone = not runtime.objects.has(name)
        with suppress(AssetbuildError):  # the next build then makes it anew, or takes it from what is published
            runtime.objects.discard(name)
        headline = f"the stored value of {key!r} is {'gone' if gone else 'damaged'}"
        raise AssetError(Problem(headline, (("object", str(path)),), "Build again: it is made anew."))
    try:
        return runtime.io_managers.get(io_manager).load(
            InputContext(asset_key=key, path=path, load=load, columns=columns)
        )
    except (TypeError, ValueError, KeyError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise AssetError(Problem(f"the value of {key!r} cannot be loaded: {reason}")) from error


def _load(given: InputRef, runtime: Runtime, asset: Asset) -> Any:
    if given.kind == "value":
        return given.value
    try:
        if given.kind == "object":
            return load_object(given.object, given.io_manager, given.key, runtime, given.load, given.columns)
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
    positional = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
            break
        if parameter.name in arguments:
            positional.append(arguments.pop(parameter.name))
    try:
        returned = function(*positional, **arguments)
        if inspect.iscoroutine(returned):
            import asyncio  # noqa: PLC0415  # 80 ms, and only for an async asset

            returned = asyncio.run(returned)
        if asset.definition.multi and isinstance(returned, types.GeneratorType):
            returned = dict(iter(returned))
    except BaseException as error:  # pytest.fail and trio.Cancelled are no Exceptions, and fail the asset too
        raise _NothingSaid from error
    return returned


def _outputs(
    asset: Asset, returned: Any, runtime: Runtime, task: Task
) -> Iterator[tuple[tuple[str, str | None], OutputResult]]:
    assets = runtime.graph.assets
    values = {asset.key: returned} if not asset.definition.multi else _split(asset, returned, runtime)
    staged: list[tuple[str, OutputResult]] = []
    for key, value in values.items():
        staged.append((key, _write(assets[key], value, runtime, task)))
    # Nothing is published before every output is written: a failure half-way leaves the last good values in place.
    for key, result in staged:
        yield (key, task.partition), _publish(key, result, runtime, task)


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


def _write(asset: Asset, value: Any, runtime: Runtime, task: Task) -> OutputResult:
    if not asset.definition.multi:
        _check_promise(asset, value, runtime)
    elif value is None:
        raise _broken_promise(asset, runtime, f"output {asset.key!r} is None", (), "Return a value for it.")
    if asset.returns_nothing and not asset.definition.multi:
        return OutputResult(None, {}, None, None, None, "none", "")
    name = asset.out.io_manager or runtime.io_managers.default_for(value)
    staging = runtime.objects.staging(asset.key)
    try:
        written = runtime.io_managers.get(name).write(
            OutputContext(
                asset_key=asset.key,
                path=staging,
                partition_key=task.partition,
                run_id=task.run_id,
                unordered=asset.out.unordered,
            ),
            value,
        )
        if not written.extension and staging.is_dir():
            _check_folder(asset, runtime)
        size_bytes = _size(staging)
        reach("before-add", asset.key)
        stored = runtime.objects.add(staging, written.extension)
    except (AssetbuildError, KeyboardInterrupt):
        discard(staging)  # at once: on a full disk the rest of the build needs the room
        raise
    except Exception as error:  # lazy values compute while they are written, so this may be any error of the user's
        discard(staging)
        raise _broken_promise(
            asset,
            runtime,
            f"the value cannot be kept by the IO manager {name!r}: {error}",
            (("returned", describe(value)),),
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


def _publish(key: str, result: OutputResult, runtime: Runtime, task: Task) -> OutputResult:
    if result.object is None:
        return result
    manager = runtime.io_managers.get(result.io_manager)
    reach("before-publish", key)
    if manager.one_writer:
        return result
    place = Place(
        warehouse=runtime.warehouse,
        asset_key=key,
        partition_key=task.partition,
        extension=extension_of(result.object),
    )
    stamp = manager.publish(place, runtime.objects.path(result.object))
    reach("after-publish", key)
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


def _masked(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    # Half a surrogate pair, as os.listdir gives for odd file names, is no text to a database or a terminal.
    return text.encode("utf-8", "backslashreplace").decode()


def _mask_log(log: Path, secrets: list[str]) -> None:
    import sys  # noqa: PLC0415

    sys.stdout.flush()
    sys.stderr.flush()
    if log.exists():
        said = log.read_bytes()
        masked = said
        for secret in secrets:
            masked = masked.replace(secret.encode(), MASK.encode())
        if masked != said:
            log.write_bytes(masked)
