"""Reports: who is late, where, when and in what weather."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path
from typing import Annotated, Any

import duckdb
import pandas as pd
import polars as pl
from pydantic import Field

from assetbuild import Config, Context, Input, Markdown, Offset, Table, asset
from flights.chart import bar_chart
from flights.clock import hour_of
from flights.days import CARRIER_MONTHS, DAYS, MONTHS

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>New York flights, 2013</title>
<style>
body {{ font: 15px sans-serif; margin: 2em auto; max-width: 46em }}
svg {{ font: 13px sans-serif }}
li {{ display: inline-block; margin-right: 1.5em }}
</style>
<h1>New York flights, 2013</h1>
<ul>{figures}</ul>
{sections}
</html>
"""


SUMS = ["flights", "cancelled", "minutes"]


class Late(Config):
    """What counts as late."""

    minutes: int = Field(15, ge=1, description="A flight that leaves this many minutes after its time is late")


class Ranking(Config):
    """Which routes are ranked."""

    min_flights: int = Field(365, ge=1)
    top: int = Field(20, ge=1)


def mean(column: str) -> pl.Expr:
    """Return the mean with two decimals; the sum is of integers, so it is the same in any order."""
    return pl.col(column).mean().round(2)


def mean_delay(sums: pl.DataFrame) -> float | None:
    """Return the mean delay of the flights that left, from sums; None where none did."""
    left = int(sums["flights"].sum()) - int(sums["cancelled"].sum())
    return round(int(sums["minutes"].sum()) / left, 2) if left else None


@asset(group="reports", tags={"grain": "flight"})
def late_flights(
    flights: Annotated[
        pl.DataFrame, Input(columns=["flight_id", "carrier", "flight", "origin", "dest", "scheduled_at", "dep_delay"])
    ],
    config: Late,
    context: Context,
) -> pl.DataFrame:
    """The flights that left late, worst first."""
    late = flights.filter(pl.col("dep_delay") >= config.minutes)
    late = late.sort("dep_delay", "flight_id", descending=[True, False])
    worst = late.head(3).select("carrier", "flight", "origin", "dest", "dep_delay")
    context.add_metadata({"late": late.height, "worst": Table(worst.to_dicts())})
    return late


@asset(key="delays/carrier", group="reports", io_manager="duckdb")
def delays_by_carrier(
    flights: Annotated[duckdb.DuckDBPyRelation, Input(columns=["carrier", "dep_delay", "arr_delay", "cancelled"])],
) -> duckdb.DuckDBPyRelation:
    """Flights, cancellations and mean delays of each carrier."""
    return flights.aggregate(
        """
        carrier,
        count(*) AS flights,
        count(*) FILTER (cancelled) AS cancelled,
        round(avg(dep_delay), 2) AS mean_dep_delay,
        round(avg(arr_delay), 2) AS mean_arr_delay
        """
    ).order("carrier")


@asset(key="delays/route", group="reports")
def delays_by_route(
    flights: Annotated[pl.DataFrame, Input(columns=["origin", "dest", "dep_delay", "arr_delay", "cancelled"])],
) -> pl.DataFrame:
    """Flights, cancellations and mean delays of each route."""
    return (
        flights.group_by("origin", "dest")
        .agg(
            flights=pl.len(),
            cancelled=pl.col("cancelled").sum(),
            mean_dep_delay=mean("dep_delay"),
            mean_arr_delay=mean("arr_delay"),
        )
        .sort("origin", "dest")
    )


@asset(key="delays/hour", group="reports")
def delays_by_hour(
    flights: Annotated[pl.DataFrame, Input(columns=["scheduled_at", "dep_delay", "cancelled"])],
) -> pd.DataFrame:
    """Delays by hour of the day, New York time: they pile up until the evening."""
    hourly = flights.select("dep_delay", "cancelled", hour=hour_of(pl.col("scheduled_at")).cast(pl.Int64))
    grouped = hourly.to_pandas().groupby("hour", sort=True)
    return pd.DataFrame(
        {
            "flights": grouped.size(),
            "cancelled": grouped["cancelled"].sum().astype("int64"),
            "mean_dep_delay": grouped["dep_delay"].mean().round(2),
        }
    ).reset_index()


@asset(key="delays/day", partitions=DAYS, group="reports")
def delays_by_day(
    flights: Annotated[pl.DataFrame, Input(columns=["carrier", "dep_delay", "cancelled"])],
) -> pl.DataFrame:
    """A day's flights and minutes of delay by carrier: sums, from which longer times are summed up."""
    return (
        flights.group_by("carrier")
        .agg(
            flights=pl.len().cast(pl.Int64),
            cancelled=pl.col("cancelled").sum().cast(pl.Int64),
            minutes=pl.col("dep_delay").sum().cast(pl.Int64),
        )
        .sort("carrier")
    )


@asset(key="delays/week", partitions=DAYS, group="reports")
def delays_by_week(
    days: Annotated[pl.DataFrame, Input("delays/day", partitions=Offset(-6, 0), columns=SUMS)],
) -> dict[str, float | None]:
    """The mean delay of the seven days up to this one; the first six days of the year look back on fewer."""
    return {"mean_dep_delay": mean_delay(days)}


@asset(key="delays/month", partitions=MONTHS, group="reports")
def delays_by_month(days: Annotated[pl.LazyFrame, Input("delays/day")]) -> pl.DataFrame:
    """A month's flights and minutes of delay by carrier, summed over its days."""
    return days.group_by("carrier").agg(pl.col("flights", "cancelled", "minutes").sum()).sort("carrier").collect()


@asset(key="delays/carrier_month", partitions=CARRIER_MONTHS, group="reports")
def delays_by_carrier_and_month(
    month: Annotated[pl.DataFrame, Input("delays/month")], context: Context
) -> dict[str, float | None]:
    """What a carrier flew in a month; null where it did not fly."""
    _, carrier = str(context.partition_key).split("|")
    flown = month.filter(pl.col("carrier") == carrier)
    return {"flights": int(flown["flights"].sum()), "mean_dep_delay": mean_delay(flown)}


@asset(key="delays/weather", group="reports", io_manager="duckdb")
def delays_by_weather(
    features: Annotated[
        duckdb.DuckDBPyRelation,
        Input("features/flights", columns=["wind_mph", "rain_inches", "visibility_miles", "dep_delay", "cancelled"]),
    ],
) -> duckdb.DuckDBPyRelation:
    """Delays and cancellations in each kind of weather."""
    sorted_out = features.select("""
        CASE
            WHEN visibility_miles IS NULL THEN 'unknown'
            WHEN visibility_miles < 2 THEN 'fog'
            WHEN rain_inches >= 0.1 THEN 'heavy rain'
            WHEN rain_inches > 0 THEN 'rain'
            WHEN wind_mph >= 25 THEN 'wind'
            ELSE 'fair'
        END AS weather,
        dep_delay,
        cancelled
    """)
    return sorted_out.aggregate("""
        weather,
        count(*) AS flights,
        count(*) FILTER (cancelled) AS cancelled,
        round(avg(dep_delay), 2) AS mean_dep_delay
    """).order("mean_dep_delay DESC, weather")


@asset(group="reports")
def worst_routes(
    routes: Annotated[pl.DataFrame, Input("delays/route")],
    airports: Annotated[pl.DataFrame, Input(columns=["airport", "name"])],
    config: Ranking,
) -> pl.DataFrame:
    """The busy routes with the longest mean delay, worst first."""
    return (
        routes.filter(pl.col("flights") >= config.min_flights)
        .join(airports, left_on="dest", right_on="airport", how="left")
        .sort("mean_dep_delay", "origin", "dest", descending=[True, False, False])
        .head(config.top)
        .with_row_index("rank", offset=1)
        .select("rank", "origin", "dest", "name", "flights", "mean_dep_delay", "mean_arr_delay")
    )


@asset(group="reports")
def carrier_ranking(
    late_flights: Annotated[pl.DataFrame, Input(columns=["carrier"])],
    delays: Annotated[pl.DataFrame, Input("delays/carrier")],
    carriers: pl.DataFrame,
) -> pl.DataFrame:
    """The carriers by the share of their flights that left late, worst first."""
    late = late_flights.group_by("carrier").agg(late=pl.len().cast(pl.Int64))
    departed = pl.col("flights") - pl.col("cancelled")
    return (
        delays.join(carriers, on="carrier", how="left")
        .join(late, on="carrier", how="left")
        .with_columns(pl.col("late").fill_null(0))
        .with_columns(late_percent=(100 * pl.col("late") / departed).round(1))
        .sort("late_percent", "carrier", descending=[True, False], nulls_last=True)
        .with_row_index("rank", offset=1)
        .select("rank", "carrier", "name", "flights", "late", "late_percent", "mean_dep_delay", "mean_arr_delay")
    )


@asset(group="reports")
def summary(
    flights: Annotated[pl.DataFrame, Input(columns=["carrier", "dest", "dep_delay", "arr_delay", "cancelled"])],
    late_flights: Annotated[pl.DataFrame, Input(columns=["flight_id"])],
) -> dict[str, Any]:
    """The year in a few figures."""
    return {
        "flights": flights.height,
        "carriers": flights["carrier"].n_unique(),
        "destinations": flights["dest"].n_unique(),
        "cancelled": int(flights["cancelled"].sum()),
        "diverted": flights.filter(~pl.col("cancelled") & pl.col("arr_delay").is_null()).height,
        "late": late_flights.height,
        "mean_dep_delay": flights.select(mean("dep_delay")).item(),
    }


@asset(group="reports", io_manager="file", owners=["ops@example.com"], tags={"audience": "management"})
def report(  # noqa: PLR0913, PLR0917  # each is an asset
    summary: dict[str, Any],
    carrier_ranking: pl.DataFrame,
    worst_routes: pl.DataFrame,
    hours: Annotated[pl.DataFrame, Input("delays/hour")],
    weather: Annotated[pl.DataFrame, Input("delays/weather")],
    months: Annotated[pl.DataFrame, Input("delays/month", key_column="month")],
    context: Context,
) -> Path:
    """The year on one page: a web page with charts, in one file."""
    hours = hours.with_columns(clock=pl.format("{}:00", "hour"))
    routes = worst_routes.with_columns(route=pl.format("{} - {}", "origin", "name"))
    left = pl.col("flights").sum() - pl.col("cancelled").sum()
    months = months.group_by("month").agg(mean_dep_delay=pl.col("minutes").sum() / left).sort("month")
    charts = {
        "Late flights by carrier": bar_chart(carrier_ranking, "name", "late_percent", unit=" %"),
        "Mean delay by hour": bar_chart(hours, "clock", "mean_dep_delay", unit=" min"),
        "Mean delay by month": bar_chart(months, "month", "mean_dep_delay", unit=" min"),
        "Mean delay by weather": bar_chart(weather, "weather", "mean_dep_delay", unit=" min"),
        "Worst routes": bar_chart(routes, "route", "mean_dep_delay", unit=" min"),
    }
    figures = "".join(f"<li><b>{value:,}</b> {escape(name.replace('_', ' '))}</li>" for name, value in summary.items())
    sections = "".join(f"<h2>{escape(title)}</h2>{chart}" for title, chart in charts.items())
    page = Path(tempfile.mkdtemp(prefix="flights-")) / "report.html"
    page.write_text(PAGE.format(figures=figures, sections=sections), encoding="utf-8")
    worst = carrier_ranking.row(0, named=True)
    context.add_metadata({"headline": Markdown(f"**{worst['name']}** is late most often: {worst['late_percent']} %")})
    return page
