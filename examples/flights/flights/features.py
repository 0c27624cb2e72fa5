"""Features of each flight: the weather it left in, the plane that flew it, how busy the airport was.

Every table here has ``flight_id`` or (``origin``, ``hour_at``) as its key.
"""

from __future__ import annotations

from typing import Annotated

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from assetbuild import Context, Input, asset
from flights.clock import NEW_YORK, hour_of


@asset(key="features/weather", group="features", io_manager="duckdb", tags={"grain": "flight"})
def flight_weather(
    flights: Annotated[duckdb.DuckDBPyRelation, Input(columns=["flight_id", "origin", "hour_at"])],
    weather: duckdb.DuckDBPyRelation,
) -> duckdb.DuckDBPyRelation:
    """The weather in the hour a flight was due to leave; empty where nobody measured it (1,556 flights)."""
    joined = flights.join(weather, "origin, hour_at", how="left")
    return joined.select("flight_id, temperature_f, humidity, wind_mph, rain_inches, visibility_miles").order(
        "flight_id"
    )


@asset(key="features/aircraft", group="features", tags={"grain": "flight"})
def flight_aircraft(
    flights: Annotated[pa.Table, Input(columns=["flight_id", "tailnum", "scheduled_at"])],
    planes: Annotated[pa.Table, Input(columns=["tailnum", "built_year", "manufacturer", "seats"])],
    context: Context,
) -> pa.Table:
    """Maker, seats and age of the plane; empty where the register does not know the plane."""
    joined = flights.join(planes, keys="tailnum", join_type="left outer").sort_by("flight_id")
    flown = pc.year(joined["scheduled_at"]).cast(pa.int32())
    age = pc.subtract(flown, joined["built_year"])
    context.add_metadata({"unknown planes": joined["seats"].null_count})
    return joined.select(["flight_id", "manufacturer", "seats"]).append_column("plane_age", age)


@asset(key="features/congestion", group="features", tags={"grain": "airport-hour"})
def congestion(flights: Annotated[pd.DataFrame, Input(columns=["origin", "hour_at"])]) -> pd.DataFrame:
    """How many flights were due to leave each airport in each hour."""
    return flights.groupby(["origin", "hour_at"], sort=True).size().rename("departures").reset_index()


@asset(key="features/flights", group="features", owners=["science@example.com"], tags={"grain": "flight"})
def flight_features(
    flights: pl.LazyFrame,
    weather: Annotated[pl.LazyFrame, Input("features/weather")],
    aircraft: Annotated[pl.LazyFrame, Input("features/aircraft")],
    busy: Annotated[pl.LazyFrame, Input("features/congestion")],
) -> pl.DataFrame:
    """The wide table for models: what is known before a flight leaves, and how late it left."""
    local = pl.col("scheduled_at").dt.convert_time_zone(NEW_YORK)
    # The delay with which the same plane left New York the time before.
    before = pl.col("dep_delay").shift(1).over("tailnum", order_by="flight_id")
    return (
        flights.with_columns(previous_delay=pl.when(pl.col("tailnum").is_not_null()).then(before))
        .join(weather, on="flight_id", how="left")
        .join(aircraft, on="flight_id", how="left")
        .join(busy, on=["origin", "hour_at"], how="left")
        .select(
            "flight_id",
            "carrier",
            "origin",
            "dest",
            month=local.dt.month(),
            weekday=local.dt.weekday(),
            hour=hour_of(pl.col("scheduled_at")),
            distance_miles=pl.col("distance_miles"),
            seats=pl.col("seats"),
            plane_age=pl.col("plane_age"),
            manufacturer=pl.col("manufacturer"),
            departures=pl.col("departures"),
            previous_delay=pl.col("previous_delay"),
            temperature_f=pl.col("temperature_f"),
            humidity=pl.col("humidity"),
            wind_mph=pl.col("wind_mph"),
            rain_inches=pl.col("rain_inches"),
            visibility_miles=pl.col("visibility_miles"),
            dep_delay=pl.col("dep_delay"),
            cancelled=pl.col("cancelled"),
        )
        .sort("flight_id")
        .collect()
    )
