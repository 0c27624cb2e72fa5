"""Many partitions as one value: a table of all rows, lazy ones too, or a mapping from key to value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from assetbuild.errors import AssetError
from assetbuild.store.conversions import TABLE_TYPES, matches, to_arrow
from assetbuild.store.io import InputContext, IOManager, OutputContext, Written
from assetbuild.store.objects import Objects
from assetbuild.store.partitions import load_partitions
from assetbuild.store.readers import load_source_partitions
from assetbuild_stores.files import BytesIOManager, FileIOManager, JsonIOManager, PickleIOManager
from assetbuild_stores.parquet import ParquetIOManager


class CsvIOManager(IOManager):
    """A user's own, which knows one kind of table."""

    def write(self, context, value):
        import pyarrow.csv

        pyarrow.csv.write_csv(value, context.path)
        return Written(data_version="1", extension="csv")

    def load(self, context):
        import pyarrow.csv

        assert context.load in {None, "arrow.Table"}
        table = pyarrow.csv.read_csv(context.path)
        return table if context.columns is None else table.select(list(context.columns))


@pytest.fixture
def keep(tmp_path):
    """Write values as objects, and return the parts: pairs of key and path."""
    objects = Objects(tmp_path / ".assetbuild" / "objects")

    def keep(values, manager=None):
        manager = manager or ParquetIOManager()
        parts = []
        for key, value in values.items():
            staged = objects.staging(key)
            written = manager.write(OutputContext(asset_key="days", path=staged, partition_key=key), value)
            parts.append((key, objects.path(objects.add(staged, written.extension))))
        return parts

    return keep


def load(parts, word=None, manager=None, **options):
    return load_partitions(ParquetIOManager() if manager is None else manager, "days", parts, load=word, **options)


DAYS = {
    "2013-01-01": pa.table({"delay": [5, 7], "carrier": ["AA", "UA"]}),
    "2013-01-02": pa.table({"delay": pa.array([], "int64"), "carrier": pa.array([], "string")}),
    "2013-01-03": pa.table({"delay": [5, 7], "carrier": ["AA", "UA"]}),  # the same object as the first day
    "2013-01-04": pa.table({"delay": [None, 1], "carrier": ["UA", None]}),
}
ROWS: list[dict[str, Any]] = [
    {"delay": 5, "carrier": "AA", "day": "2013-01-01"},
    {"delay": 7, "carrier": "UA", "day": "2013-01-01"},
    {"delay": 5, "carrier": "AA", "day": "2013-01-03"},
    {"delay": 7, "carrier": "UA", "day": "2013-01-03"},
    {"delay": None, "carrier": "UA", "day": "2013-01-04"},
    {"delay": 1, "carrier": None, "day": "2013-01-04"},
]


def rows(value):
    return to_arrow(value).to_pylist()


@pytest.mark.parametrize("word", sorted(TABLE_TYPES))
def test_many_partitions_are_one_table_of_any_type(keep, word):
    parts = keep(DAYS)
    found = load(parts, word, key_column="day")
    assert matches(found, word)
    assert rows(found) == ROWS
    assert rows(load(parts, word)) == [{"delay": row["delay"], "carrier": row["carrier"]} for row in ROWS]


@pytest.mark.parametrize("word", sorted(TABLE_TYPES))
def test_only_the_columns_asked_for_are_read_in_their_order(keep, word):
    parts = keep(DAYS)
    assert rows(load(parts, word, columns=("carrier",), key_column="delay")) == [
        {"carrier": row["carrier"], "delay": row["day"]} for row in ROWS
    ]
    two = load(parts, word, columns=("carrier", "delay"))
    assert list(to_arrow(two).column_names) == ["carrier", "delay"]
    with pytest.raises(KeyError, match="no column 'zz'; there are 'delay', 'carrier'"):
        rows(load(parts, word, columns=("zz",)))


CHANGED = {
    "1": pa.table({"i": pa.array([1], "int32"), "c": pa.array(["x"]).dictionary_encode(), "n": pa.nulls(1)}),
    "2": pa.table({"n": ["later"], "i": [2.5], "c": ["y"]}),
    "3": pa.table({"new": [True], "i": pa.array([3], "int64"), "c": pa.array(["z"]).dictionary_encode()}),
}


@pytest.mark.parametrize("word", sorted(TABLE_TYPES))
def test_a_column_added_later_is_null_before_and_types_become_the_wider(keep, word):
    parts = keep(CHANGED)
    assert rows(load(parts, word, key_column="k")) == [
        {"i": 1.0, "c": "x", "n": None, "new": None, "k": "1"},
        {"i": 2.5, "c": "y", "n": "later", "new": None, "k": "2"},
        {"i": 3.0, "c": "z", "n": None, "new": True, "k": "3"},
    ]
    assert rows(load(parts, word, columns=("new", "i"))) == [
        {"new": None, "i": 1.0},
        {"new": None, "i": 2.5},
        {"new": True, "i": 3.0},
    ]


@pytest.mark.parametrize("word", ["arrow.Table", "polars.LazyFrame", "arrow.Dataset"])
def test_types_that_do_not_fit_name_keys_and_column(keep, word):
    parts = keep({"2012": pa.table({"x": [1]}), "2013": pa.table({"x": [2]}), "2014": pa.table({"x": ["three"]})})
    with pytest.raises(AssetError) as raised:
        load(parts, word)
    problem = raised.value.problems[0]
    assert problem.headline == "the partitions '2012' and '2014' do not fit into one table"
    assert problem.facts == (("column", "x"), ("2012", "int64"), ("2014", "string"))
    assert load(parts, word, as_mapping=True).keys() == {"2012", "2013", "2014"}


def test_a_number_too_large_for_the_wider_type_is_told(keep):
    parts = keep({"1": pa.table({"x": [2**53 + 1]}), "2": pa.table({"x": [0.5]})})
    with pytest.raises(AssetError, match="partition '1' does not fit into one table") as raised:
        load(parts)
    assert ("column", "x") in raised.value.problems[0].facts


@pytest.mark.parametrize("word", ["arrow.Table", "polars.DataFrame", "pandas.DataFrame", "duckdb.Relation"])
def test_categories_of_all_partitions_go_together(keep, word):
    def day(*values):
        return pa.table({"c": pa.array(values).dictionary_encode()})

    parts = keep({"1": day("a", "b"), "2": day("b", "c", "a"), "3": day("d")})
    assert [row["c"] for row in rows(load(parts, word))] == ["a", "b", "b", "c", "a", "d"]


def test_polars_enums_and_pandas_indices_come_back(keep):
    kind = pl.Enum(["low", "high"])
    frames = {key: pl.DataFrame({"e": pl.Series([value], dtype=kind)}) for key, value in (("1", "low"), ("2", "high"))}
    assert load(keep(frames), "polars.DataFrame").equals(pl.concat(frames.values()))
    pandas = {key: pd.DataFrame({"x": [1, 2]}, index=pd.Index(["p", "q"], name="k")) for key in ("1", "2")}
    pd.testing.assert_frame_equal(load(keep(pandas), "pandas.DataFrame"), pd.concat(pandas.values()))
    plain = {key: pd.DataFrame({"x": range(2)}) for key in ("1", "2")}
    pd.testing.assert_frame_equal(load(keep(plain), "pandas.DataFrame"), pd.concat(plain.values(), ignore_index=True))


def test_a_filter_on_the_key_opens_only_the_files_it_needs(keep):
    import pyarrow.compute as pc

    parts = keep({f"{day:02}": pa.table({"x": [day]}) for day in range(1, 31)})
    dataset = load(parts, "arrow.Dataset", key_column="day")
    assert len(list(dataset.get_fragments(filter=pc.field("day") == "07"))) == 1
    lazy = load(parts, "polars.LazyFrame", key_column="day")
    assert lazy.explain().count("SCAN") == 1
    assert lazy.filter(pl.col("day") == "07").collect().to_dicts() == [{"x": 7, "day": "07"}]
    assert load(parts, "duckdb.Relation", key_column="day").filter("day = '07'").fetchall() == [(7, "07")]


def test_values_that_are_no_tables_are_a_mapping_in_key_order(keep):
    values = {"b": [1], "a": {"x": None}}
    parts = keep(values, JsonIOManager())
    for word, options in ((None, {}), ("value", {}), ("value", {"as_mapping": True})):
        found = load(parts, word, JsonIOManager(), **options)
        assert found == values
        assert list(found) == ["b", "a"]
    assert load(keep({"1": b"x"}, BytesIOManager()), manager=BytesIOManager()) == {"1": b"x"}
    assert load(keep({"1": {1, 2}}, PickleIOManager()), manager=PickleIOManager()) == {"1": {1, 2}}


def test_each_partition_may_have_an_io_manager_of_its_own(keep):
    """As when the value decides, and only one of many floats is no JSON."""
    parts = keep({"1": 1.5}, JsonIOManager()) + keep({"2": {2}}, PickleIOManager())
    assert load(parts, None, [JsonIOManager(), PickleIOManager()]) == {"1": 1.5, "2": {2}}
    tables = keep({"1": pa.table({"x": [1]})}) + keep({"2": [{"x": 2, "y": "z"}]}, JsonIOManager())
    managers = [ParquetIOManager(), JsonIOManager()]
    assert rows(load(tables, "polars.LazyFrame", managers, key_column="k", columns=("y",))) == [
        {"y": None, "k": "1"},
        {"y": "z", "k": "2"},
    ]
    assert load([], None, []) == {}
    with pytest.raises(AssetError, match="there is no partition of 'days'"):
        load([], "arrow.Table", [])


def test_a_mapping_holds_values_of_the_type_asked_for(keep):
    found = load(keep(DAYS), "polars.DataFrame", as_mapping=True)
    assert list(found) == list(DAYS)
    assert found["2013-01-04"].equals(pl.DataFrame(DAYS["2013-01-04"]))
    found = load(keep(DAYS), "polars.LazyFrame", as_mapping=True, key_column="day", columns=("delay",))
    assert found["2013-01-03"].collect().to_dicts()[0] == {"delay": 5, "day": "2013-01-03"}


def test_tables_of_other_io_managers_go_together_too(keep, tmp_path):
    parts = keep({"1": pa.table({"x": [1]}), "2": pa.table({"x": [2], "y": ["new"]})}, CsvIOManager())
    expected = [{"x": 1, "y": None, "k": "1"}, {"x": 2, "y": "new", "k": "2"}]
    for word in (None, "polars.DataFrame", "polars.LazyFrame"):
        assert rows(load(parts, word, CsvIOManager(), key_column="k")) == expected
    assert rows(load(parts, "pandas.DataFrame", CsvIOManager(), columns=("y",))) == [{"y": None}, {"y": "new"}]
    objects = keep({"1": [{"a": 1}], "2": [{"a": 2}]}, JsonIOManager())
    assert rows(load(objects, "arrow.Table", JsonIOManager())) == [{"a": 1}, {"a": 2}]


def test_paths_come_as_a_list_or_by_key(keep, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    parts = keep({"1": tmp_path / "a.txt", "2": tmp_path / "b.txt"}, FileIOManager())
    assert [path.read_text() for path in load(parts, "paths", FileIOManager())] == ["a", "b"]
    assert {key: path.read_text() for key, path in load(parts, manager=FileIOManager()).items()} == {"1": "a", "2": "b"}
    with pytest.raises(AssetError, match="2 partitions of 'days' are not one Path") as raised:
        load(parts, "path", FileIOManager())
    assert "dict[str, Path]" in raised.value.problems[0].advice


def test_no_partitions_are_an_empty_mapping_but_no_table():
    assert load([], "arrow.Table", as_mapping=True) == {}
    assert load([], None, JsonIOManager()) == {}
    assert load([], "paths", FileIOManager()) == []
    for word in ("arrow.Table", "polars.LazyFrame", None):
        with pytest.raises(AssetError, match="there is no partition of 'days' to make a table of"):
            load([], word)


def test_a_key_column_needs_a_free_name_and_a_table(keep):
    with pytest.raises(AssetError, match="have a column 'delay' of their own"):
        load(keep(DAYS), key_column="delay")
    with pytest.raises(AssetError, match="are no tables"):
        load(keep({"1": [1]}, JsonIOManager()), manager=JsonIOManager(), key_column="k")


def test_a_value_that_is_not_of_the_type_names_its_partition(keep):
    with pytest.raises(AssetError, match=r"partition '1' of 'days' cannot be loaded: a \.pkl value"):
        load(keep({"1": 1}, PickleIOManager()), "arrow.Table", PickleIOManager(), as_mapping=True)


class TestSources:
    @pytest.fixture
    def files(self, tmp_path):
        def files(contents):
            parts = []
            for name, text in contents.items():
                (tmp_path / name).write_text(text)
                parts.append((name.split(".")[0], tmp_path / name))
            return parts

        return files

    CSV: ClassVar = {"01.csv": "a,b\n1,\n", "02.csv": "a,b\n2.5,x\n", "03.csv": "a,b,c\n3,y,z\n"}
    ROWS: ClassVar[list[dict[str, Any]]] = [
        {"a": 1.0, "b": None, "c": None, "day": "01"},
        {"a": 2.5, "b": "x", "c": None, "day": "02"},
        {"a": 3.0, "b": "y", "c": "z", "day": "03"},
    ]

    @pytest.mark.parametrize("word", [None, "polars.DataFrame", "duckdb.Relation", "arrow.Reader"])
    def test_files_are_one_table_with_their_keys(self, files, word):
        parts = files(self.CSV)
        assert rows(load_source_partitions("days", parts, load=word, key_column="day")) == self.ROWS
        assert rows(load_source_partitions("days", parts, load=word, columns=["c"])) == [
            {"c": row["c"]} for row in self.ROWS
        ]

    def test_a_mapping_paths_and_text_come_by_key(self, files):
        parts = files(self.CSV)
        found = load_source_partitions("days", parts, load="polars.DataFrame", as_mapping=True)
        assert list(found) == ["01", "02", "03"]
        assert found["03"].to_dicts() == [{"a": 3, "b": "y", "c": "z"}]
        assert load_source_partitions("days", parts, load="paths") == [path for _, path in parts]
        notes = files({"1.txt": "one", "2.txt": "two"})
        assert load_source_partitions("days", notes, load="str", as_mapping=True) == {"1": "one", "2": "two"}
        assert load_source_partitions("days", notes, load=None) == {"1": "one", "2": "two"}
        with pytest.raises(AssetError, match="2 partitions of 'days' are not one str"):
            load_source_partitions("days", notes, load="str")

    def test_a_key_may_have_several_files(self, files):
        (one, path), (_, other) = files({"01.csv": "a\n1\n", "02.csv": "a,b\n2,x\n"})
        found = load_source_partitions("days", [(one, path), (one, other)], load=None, key_column="day")
        assert found["day"].to_pylist() == [one, one]
        found = load_source_partitions("days", [(one, path), (one, other)], load="arrow.Table", as_mapping=True)
        assert rows(found[one]) == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]

    def test_parquet_files_stay_lazy(self, tmp_path):
        import pyarrow.parquet as pq

        parts = []
        for day in ("1", "2"):
            pq.write_table(pa.table({"x": [day]}), tmp_path / f"{day}.parquet")
            parts.append((day, tmp_path / f"{day}.parquet"))
        lazy = load_source_partitions("days", parts, load="polars.LazyFrame", key_column="day")
        assert lazy.explain().count("SCAN") == 1
        assert lazy.collect().to_dicts() == [{"x": "1", "day": "1"}, {"x": "2", "day": "2"}]

    def test_what_does_not_fit_names_the_keys(self, files):
        parts = files({"01.csv": "a\n1\n", "02.csv": "a\nx\n"})
        with pytest.raises(AssetError, match="the partitions '01' and '02' do not fit"):
            load_source_partitions("days", parts, load=None)
        assert load_source_partitions("days", [], load=None) == {}
        with pytest.raises(AssetError, match="no partition of 'days'"):
            load_source_partitions("days", [], load="arrow.Table")


def test_contexts_of_an_own_load_many(keep, tmp_path):
    """An IO manager may load many in one go; it is told of each partition."""
    seen: list[InputContext] = []

    class Own(ParquetIOManager):
        def load_many(self, contexts, key_column=None):
            seen.extend(contexts)
            return super().load_many(contexts, key_column)

    load(keep(DAYS), "arrow.Table", Own(), columns=("delay",))
    assert [(context.partition_key, context.columns) for context in seen] == [(key, ("delay",)) for key in DAYS]
    assert all(isinstance(context.path, Path) for context in seen)
