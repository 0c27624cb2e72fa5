"""Sources: files that somebody else wrote, as the type that a parameter asks for."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assetbuild.errors import StoreError
from assetbuild.fingerprint.data import table_version
from assetbuild.store.conversions import TABLE_TYPES, matches, to_arrow
from assetbuild.store.readers import load_source

CSV = "carrier,delay\nAA,1\n,2\nNA,\n"
ROWS = [{"carrier": "AA", "delay": 1}, {"carrier": None, "delay": 2}, {"carrier": "NA", "delay": None}]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def load(*paths, kind="file", load=None, columns=None, **options):
    return load_source(list(paths), kind=kind, load=load, columns=columns, options=options)


def ipc(table, new):
    sink = pa.BufferOutputStream()
    with new(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def parquet(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


ARROW = pa.table({"carrier": ["AA", None, "NA"], "delay": [1, 2, None]})
FORMATS = {
    "f.csv": CSV,
    "f.tsv": CSV.replace(",", "\t"),
    "F.CSV": CSV,
    "f.csv.gz": gzip.compress(CSV.encode()),
    "f.parquet": parquet(ARROW),
    "f.arrow": ipc(ARROW, pa.ipc.new_file),
    "f.feather": ipc(ARROW, pa.ipc.new_stream),
    "f.ndjson": '{"carrier":"AA","delay":1}\n{"carrier":null,"delay":2}\n{"carrier":"NA","delay":null}\n',
    "f.jsonl.gz": gzip.compress(b'{"carrier":"AA","delay":1}\n{"delay":2}\n{"carrier":"NA"}\n'),
    "f.json": '[{"carrier":"AA","delay":1},{"delay":2},{"carrier":"NA","delay":null}]',
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_table(write, name):
    table = load(write(name, FORMATS[name]), load="arrow.Table")
    assert table.to_pylist() == ROWS
    assert table_version(table) == table_version(ARROW)


@pytest.mark.parametrize("word", sorted(TABLE_TYPES))
@pytest.mark.parametrize("name", ["f.csv", "f.parquet"])
def test_every_library_sees_the_same_values(write, name, word):
    path = write(name, FORMATS[name])
    loaded = load(path, load=word)
    assert matches(loaded, word)
    assert [row["carrier"] for row in to_arrow(loaded).to_pylist()] == ["AA", None, "NA"]
    assert to_arrow(load(path, load=word, columns=["delay"])).column_names == ["delay"]


def test_without_an_annotation_the_extension_decides(write):
    assert isinstance(load(write("f.csv", CSV)), pa.Table)
    assert load(write("f.json", '{"a": [1]}')) == {"a": [1]}
    assert load(write("f.json.gz", gzip.compress(b"[1]"))) == [1]
    assert load(write("query.sql", "select 1")) == "select 1"
    path = write("model.bin", b"\x00")
    assert load(path) == path


def test_text_bytes_and_paths_can_be_asked_for(write):
    path = write("f.csv", CSV)
    assert load(path, load="str") == CSV
    assert load(path, load="bytes") == CSV.encode()
    assert load(path, load="path") == path
    assert load(path, load="paths") == [path]


def test_a_glob_gives_one_table_in_the_order_of_names(write):
    one, two = write("d/1.csv", "a,b\n1,x\n"), write("d/2.csv", "b,a\ny,2\n")
    assert load(one, two, kind="glob").to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert load(one, two, kind="glob", load="paths") == [one, two]
    assert load(one, two, kind="glob", load="polars.LazyFrame").collect()["a"].to_list() == [1, 2]


def test_a_directory_gives_its_files_or_itself(write, tmp_path):
    files = [write("d/a/1.csv", "a\n1\n"), write("d/b.csv", "a\n2\n")]
    write("d/.hidden", "")
    folder = tmp_path / "d"
    assert load(folder, kind="directory").to_pylist() == [{"a": 1}, {"a": 2}]
    assert load(folder, kind="directory", load="path") == folder
    assert load(folder, kind="directory", load="paths") == files


def test_a_column_that_is_empty_in_one_file_takes_its_type_from_the_others(write):
    one, two = write("1.csv", "a,b\n1,\n"), write("2.csv", "a,b\n1,x\n")
    assert load(one, two, kind="glob").to_pylist() == [{"a": 1, "b": None}, {"a": 1, "b": "x"}]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("f.csv", "a,b\n1,2\n3\n", "Row #3: Expected 2 columns, got 1"),
        ("f.csv", "", "Empty CSV file"),
        ("f.csv", b"a\n\xe9\n", "is not UTF-8 text"),
        ("f.csv", "a,a\n1,2\n", "has two columns named 'a'"),
        ("f.json", '[{"a": 1}', "line    1"),
        ("f.json", '{"a": 1}', "is not a list of objects"),
        ("f.ndjson", '{"a": 1}\n{"a"', "row 1"),
        ("f.parquet", b"no", "Parquet file size is 2 bytes"),
        ("f.arrow", b"no", "cannot be read"),
    ],
)
def test_a_file_that_does_not_parse_is_named(write, name, content, says):
    path = write(name, content)
    with pytest.raises(StoreError) as raised:
        load(path, load="arrow.Table")
    assert str(path) in str(raised.value)
    assert says in str(raised.value)


def test_files_that_do_not_fit_together_are_named(write):
    one, two = write("1.csv", "a\n1\n"), write("2.csv", "a\nx\n")
    with pytest.raises(StoreError, match="does not fit the other files") as raised:
        load(one, two, kind="glob")
    assert str(two) in str(raised.value)


def test_a_file_that_is_gone_is_named(tmp_path):
    for word in (None, "str", "arrow.Table"):
        with pytest.raises(StoreError, match=r"gone\.csv"):
            load(tmp_path / "gone.csv", load=word)


def test_what_cannot_be_asked_for_is_told(write):
    with pytest.raises(TypeError, match="names no table format"):
        load(write("f.bin", ""), load="arrow.Table")
    with pytest.raises(TypeError, match="2 files cannot be loaded as bytes"):
        load(Path("a"), Path("b"), kind="glob", load="bytes")


def test_options_go_to_the_csv_reader(write):
    path = write("f.csv", "a;b\n01;é\n".encode("latin-1"))
    table = load(path, load="arrow.Table", delimiter=";", encoding="latin-1", column_types={"a": "string"})
    assert table.to_pylist() == [{"a": "01", "b": "é"}]
    for wrong in ({"delimitr": ";"}, {"delimiter": ";;"}, {"column_types": {"a": "strnig"}}):
        with pytest.raises(StoreError):
            load(path, load="arrow.Table", **wrong)


def test_polars_reads_parquet_lazily(write):
    lazy = load(write("f.parquet", parquet(ARROW)), load="polars.LazyFrame")
    assert isinstance(lazy, pl.LazyFrame)
    assert "f.parquet" in lazy.explain()
