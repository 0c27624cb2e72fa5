"""Values as files of their own format."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assetbuild.store.io import InputContext, OutputContext
from assetbuild_stores.files import BytesIOManager, FileIOManager, JsonIOManager, PickleIOManager, TextIOManager


@pytest.fixture
def keep(tmp_path):
    """Write a value and load it again; return what was reported and what came back."""

    def keep(manager, value, load=None):
        path = tmp_path / "staged"
        written = manager.write(OutputContext(asset_key="x", path=path), value)
        return written, manager.load(InputContext(asset_key="x", path=path, load=load))

    return keep


VALUES: list[tuple[Any, Any, str]] = [
    (JsonIOManager, {"b": [1, 2.5, None, True], "a": "é"}, "json"),
    (JsonIOManager, None, "json"),
    (JsonIOManager, [], "json"),
    (TextIOManager, "line\r\nline\n\ud800", "txt"),
    (BytesIOManager, b"\x00\xff", "bin"),
    (PickleIOManager, {1: {2, 3}, "x": (1, 2)}, "pkl"),
]


@pytest.mark.parametrize(("kind", "value", "extension"), VALUES)
def test_a_value_comes_back_as_it_was(keep, kind, value, extension):
    written, loaded = keep(kind(), value)
    assert loaded == value
    assert written.extension == extension
    assert len(written.data_version) == 32


def test_json_is_readable_by_people_and_ordered_as_given(keep, tmp_path):
    keep(JsonIOManager(), {"b": 1, "a": "é"})
    assert (tmp_path / "staged").read_text() == '{\n  "b": 1,\n  "a": "é"\n}\n'


def test_a_tuple_comes_back_from_json_as_a_list(keep):
    assert keep(JsonIOManager(), {"a": (1, 2)})[1] == {"a": [1, 2]}


def test_json_can_be_loaded_as_a_table(keep, tmp_path):
    JsonIOManager().write(OutputContext(asset_key="x", path=tmp_path / "v.json"), [{"a": 1}, {"a": 2}])
    loaded = JsonIOManager().load(InputContext(asset_key="x", path=tmp_path / "v.json", load="arrow.Table"))
    assert loaded.equals(pa.table({"a": [1, 2]}))


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (JsonIOManager, math.nan, "not JSON compliant"),
        (JsonIOManager, {1: 2}, "the key 1 is not text"),
        (JsonIOManager, {"a": object()}, "not JSON serializable"),
        (TextIOManager, b"x", "bytes of length 1 is not text"),
        (BytesIOManager, "x", "str of length 1 is not bytes"),
        (PickleIOManager, lambda: 1, "cannot be pickled"),
        (FileIOManager, "report.html", "str of length 11 is not a Path"),
        (FileIOManager, Path("gone.html"), "'gone.html', and nothing is there"),
        (FileIOManager, Path("/dev/null"), "neither a file nor a folder"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(tmp_path, kind, value, says):
    with pytest.raises((TypeError, ValueError), match=says):
        kind().write(OutputContext(asset_key="x", path=tmp_path / "staged"), value)
    assert list(tmp_path.iterdir()) == []


def test_text_and_bytes_and_json_have_paths(keep, tmp_path):
    for manager, value in (
        (TextIOManager(), "x"),
        (BytesIOManager(), b"x"),
        (JsonIOManager(), 1),
        (PickleIOManager(), 1),
    ):
        assert keep(manager, value, "path")[1] == tmp_path / "staged"
    with pytest.raises(TypeError, match=r"cannot be loaded as arrow\.Table"):
        keep(TextIOManager(), "x", "arrow.Table")


def test_a_pickle_counts_by_content(keep):
    assert keep(PickleIOManager(), {"a", "b"})[0].data_version == keep(PickleIOManager(), {"b", "a"})[0].data_version


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("r.html", "html"),
        ("r.v2.HTML", "HTML"),
        ("a.tar.gz", "tar.gz"),
        ("gz.gz", "gz"),
        ("none", ""),
        (".hidden", ""),
        ("x.é", "%C3%A9"),
    ],
)
def test_a_file_keeps_its_extension_and_stays_where_it_is(keep, tmp_path, name, extension):
    mine = tmp_path / "mine" / name
    mine.parent.mkdir()
    mine.write_text("hi")
    written, loaded = keep(FileIOManager(), mine)
    assert written.extension == extension
    assert loaded.read_text() == mine.read_text() == "hi"


def test_a_folder_is_kept_whole_with_links_followed(keep, tmp_path):
    site = tmp_path / "site"
    (site / "css").mkdir(parents=True)
    (site / "css" / "a.css").write_text("x")
    (site / "link").symlink_to(site / "css" / "a.css")
    _, loaded = keep(FileIOManager(), site)
    assert (loaded / "link").read_text() == "x"
    assert not (loaded / "link").is_symlink()


def test_a_link_to_nothing_is_refused(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "link").symlink_to("gone")
    with pytest.raises(ValueError, match="is a link to nothing"):
        FileIOManager().write(OutputContext(asset_key="x", path=tmp_path / "staged"), site)


def test_a_file_can_be_loaded_as_what_is_in_it(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("a\n1\n")
    written = FileIOManager().write(OutputContext(asset_key="x", path=tmp_path / "staged.csv"), mine)
    context = {"asset_key": "x", "path": tmp_path / f"staged.{written.extension}"}
    assert FileIOManager().load(InputContext(**context, load="str")) == "a\n1\n"
    assert FileIOManager().load(InputContext(**context, load="arrow.Table")).to_pylist() == [{"a": 1}]
    assert json.loads(FileIOManager().load(InputContext(**context, load="bytes"))[2:]) == 1
