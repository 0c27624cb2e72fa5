"""``init``: make a new project that works at once, with nothing but what assetbuild itself needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from assetbuild.cli.options import json_option
from assetbuild.cli.terminal import Terminal
from assetbuild.errors import Problem, UsageError

__all__ = ["init_command"]

_PYPROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["assetbuild"]

[tool.assetbuild]
definitions = ["assets"]             # the modules that declare assets

[tool.assetbuild.config.top_products]
count = 3                            # or for one build: --set top_products.count=5
"""

_ASSETS = '''\
"""The assets of {name}: each function computes one from those that its parameters name."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assetbuild import Config, asset, source

orders = source("orders", "data/orders.csv", description="One line per ordered product.")
products = source("products", "data/products.csv", description="Names and prices.")


@asset
def sales(orders: pa.Table, products: pa.Table) -> pa.Table:
    """Each order with its product and what it brought in."""
    joined = orders.join(products, keys="product_id", join_type="inner")
    revenue = pc.round(pc.multiply(joined["quantity"], joined["price"]), 2)
    return joined.append_column("revenue", revenue).sort_by("order_id")


@asset
def daily_sales(sales: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Orders and revenue per day."""
    return sales.query(
        "sales",
        "select day, count(*) as orders, round(sum(revenue), 2) as revenue from sales group by day order by day",
    )


class TopProducts(Config):
    count: int = 5


@asset
def top_products(sales: pa.Table, config: TopProducts) -> pa.Table:
    """The products that bring in the most."""
    totals = sales.group_by("name").aggregate([("revenue", "sum")])
    return totals.sort_by([("revenue_sum", "descending"), ("name", "ascending")]).slice(0, config.count)


@asset
def report(daily_sales: pa.Table, top_products: pa.Table) -> str:
    """A page of text for people: warehouse/report.txt."""
    days = [f"  {{row['day']}} {{row['orders']:>4}} orders {{row['revenue']:>9.2f}}" for row in daily_sales.to_pylist()]
    best = [f"  {{row['name']:<12}} {{row['revenue_sum']:>19.2f}}" for row in top_products.to_pylist()]
    return "\\n".join(["Sales by day", *days, "", "Best products", *best, ""])
'''

_ORDERS = """\
order_id,day,product_id,quantity
1,2024-03-01,3,2
2,2024-03-01,1,10
3,2024-03-01,4,1
4,2024-03-02,2,4
5,2024-03-02,1,6
6,2024-03-03,5,3
7,2024-03-03,3,1
8,2024-03-03,2,12
9,2024-03-04,4,2
10,2024-03-04,1,20
"""

_PRODUCTS = """\
product_id,name,price
1,pencil,0.80
2,notebook,2.50
3,lamp,24.90
4,chair,79.00
5,globe,32.00
"""

_README = """\
# {name}

Built with assetbuild: like make, for data.

    assetbuild materialize        # build what is stale
    assetbuild status             # what is fresh, what is not, and why
    assetbuild list               # what there is

- `assets.py` declares the assets, `data/` holds the sources, `pyproject.toml` the settings.
- The current values are in `warehouse/`, for any tool to read.

Change something and build again: a price in `data/products.csv`, a line of code, or `count` in `pyproject.toml`.
Only what depends on it runs, and `assetbuild why ASSET` says what moved.
"""

_GITIGNORE = ("warehouse/", "__pycache__/", ".venv/")
_DEFAULT_NAME = "my-project"


@click.command("init")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="[DIR]")
@click.option("--name", help="The project's name; without it, the folder's.")
@json_option()
@click.pass_obj
def init_command(terminal: Terminal, folder: Path | None, name: str | None, *, as_json: bool) -> int:
    """Make a project in DIR, by default in the current folder: settings, four assets and a little data.

    Nothing that exists is overwritten.
    """
    folder = folder or click.get_current_context().find_root().params.get("project_folder") or Path()
    files = _files(_project_name(folder, name))
    _refuse_to_overwrite(folder, [path for path in files if path != "README.md"])
    try:
        written = _write(folder, files)
    except OSError as error:
        problem = Problem(
            f"cannot write {str(error.filename or folder)!r}: {error.strerror}", advice="Name another folder."
        )
        raise UsageError(problem) from error
    steps = _next_steps(folder)
    if as_json:
        terminal.json({"folder": str(folder), "written": written, "next": steps})
    terminal.print(f"made a project in {folder.resolve()}", *(f"  {path}" for path in written), "", "next:")
    terminal.print(*(f"  {terminal.style(step, 'title')}" for step in steps))
    return 0


def _files(name: str) -> dict[str, str]:
    return {
        "pyproject.toml": _PYPROJECT.format(name=name),
        "assets.py": _ASSETS.format(name=name),
        "data/orders.csv": _ORDERS,
        "data/products.csv": _PRODUCTS,
        "README.md": _README.format(name=name),
    }


def _project_name(folder: Path, said: str | None) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name if said is None else said).strip("-._")
    if said is not None and name != said:
        problem = Problem(
            f"{said!r} cannot be a project's name",
            (("may have", "letters, digits, '-', '_' and '.', a letter or digit first and last"),),
            f"Give another one, such as --name {name or _DEFAULT_NAME}.",
        )
        raise UsageError(problem)
    return name or _DEFAULT_NAME


def _refuse_to_overwrite(folder: Path, paths: list[str]) -> None:
    existing = [path for path in [*paths, "assetbuild.toml"] if (folder / path).exists()]
    if existing:
        problem = Problem(
            f"{str(folder.resolve())!r} has files that 'init' would overwrite",
            (("existing", ", ".join(existing)),),
            "Name a new folder: assetbuild init DIR. An old project needs only [tool.assetbuild] in pyproject.toml.",
        )
        raise UsageError(problem)


def _write(folder: Path, files: dict[str, str]) -> list[str]:
    written = []
    for path, text in files.items():
        target = folder / path
        if target.exists():  # only a README, which is left alone
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(path)
    if _ignore(folder / ".gitignore"):
        written.append(".gitignore")
    return written


def _ignore(gitignore: Path) -> bool:
    """Add the lines that are not there yet; return whether any were."""
    text = gitignore.read_text(encoding="utf-8") if gitignore.exists() else ""
    missing = [line for line in _GITIGNORE if line not in text.splitlines()]
    if missing:
        start = text if not text or text.endswith("\n") else text + "\n"
        gitignore.write_text(start + "".join(f"{line}\n" for line in missing), encoding="utf-8")
    return bool(missing)


def _next_steps(folder: Path) -> list[str]:
    steps = [] if folder.resolve() == Path.cwd() else [f"cd {shlex.quote(str(folder))}"]
    return [*steps, "assetbuild materialize", "assetbuild status"]
