"""Mappings: which upstream keys a key reads, said and by default; each against its meaning, worked out the slow way."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetbuild import Cron, Daily, Dynamic, Hourly, Keys, Monthly, Multi, Offset, Static, Weekly, Yearly
from assetbuild.declare.partitions import KeySet
from assetbuild.errors import DefinitionError
from assetbuild.graph.mapping import earlier_only, first_not_earlier, resolve_mapping

NOW = datetime(2014, 6, 15, 12, tzinfo=UTC)
HOURS = Hourly("2013-01-01", end="2013-03-01")
DAYS = Daily("2013-01-01", end="2014-01-01")
WEEKS = Weekly("2013-01-07", end="2014-01-01")
MONTHS = Monthly("2013-01", end="2014-01")
YEARS = Yearly("2012", end="2015")
SHIFTS = Cron("0 6,18 * * *", "2013-01-01", end="2013-06-01")
CARRIERS = Static(["AA", "UA", "WN"])
BOTH = Multi(date=DAYS, carrier=CARRIERS)
TWO = Multi(carrier=CARRIERS, month=MONTHS)


def reads(said, down, up, key, up_keys=None):
    """Return the upstream keys that a key reads, and the names that do not exist."""
    keys = None if down is None else down.key_set(NOW)
    upstream = KeySet(up_keys) if up_keys is not None else None if up is None else up.key_set(NOW)
    bound = resolve_mapping(said, down, up).bind(keys, upstream)
    index = None if keys is None else keys.index_of(key)
    found = bound.of(index)
    assert list(found) == sorted(set(found))
    return [upstream[at] if upstream is not None else at for at in found], bound.absent(index)


@pytest.mark.parametrize(
    ("said", "down", "up", "text", "is_many"),
    [
        (None, DAYS, None, "whole", False),
        (None, None, DAYS, "all", True),
        (None, DAYS, DAYS, "same", False),
        (None, DAYS, Daily("2012-06-01"), "same", False),
        (None, DAYS, Daily("2013-01-01", timezone="Europe/Berlin"), "same", False),
        (None, MONTHS, DAYS, "time", True),
        (None, DAYS, MONTHS, "time", False),
        (None, WEEKS, SHIFTS, "time", True),
        (None, HOURS, SHIFTS, "time", False),
        (None, DAYS, Dynamic("raw/files"), "same", False),
        (None, Static(["2013-01-01"]), DAYS, "same", False),
        (None, Static(["UA"]), CARRIERS, "same", False),
        (None, BOTH, BOTH, "same", False),
        (None, BOTH, DAYS, "dimensions key by date=same", False),
        (None, CARRIERS, BOTH, "dimensions date=all, carrier=same", True),
        (None, MONTHS, BOTH, "dimensions date=time, carrier=all", True),
        (None, BOTH, TWO, "dimensions carrier=same, month by date=time", False),
        (None, TWO, BOTH, "dimensions date by month=time, carrier=same", True),
        (None, BOTH, Static(["AA", "DL"]), "dimensions key by carrier=same", False),
        ("same", DAYS, Dynamic("raw/files"), "same", False),
        ("all", MONTHS, DAYS, "all", True),
        ("last", DAYS, MONTHS, "last", False),
        ("last 3", None, DAYS, "last 3", True),
        (Offset(-1), DAYS, DAYS, "offset -1..-1", False),
        (Offset(-6, 0), DAYS, DAYS, "offset -6..0", True),
        (["2013-01-02", "2013-01-01"], MONTHS, DAYS, 'keys ["2013-01-01","2013-01-02"]', True),
        (Keys({"AA": "2013"}), CARRIERS, YEARS, 'keys {"AA":["2013"]}', False),
        (Keys({"AA": ["2013"]}, allow_missing=True), CARRIERS, YEARS, 'keys {"AA":["2013"]}, missing allowed', True),
        ({"date": Offset(-1)}, BOTH, BOTH, "dimensions date=offset -1..-1, carrier=same", False),
        (Offset(-1), BOTH, BOTH, "dimensions date=offset -1..-1, carrier=same", False),
        ({"carrier": ["UA"]}, DAYS, BOTH, 'dimensions date=same, carrier=keys ["UA"]', True),
    ],
)
def test_a_mapping_has_a_canonical_text(said, down, up, text, is_many):
    mapping = resolve_mapping(said, down, up)
    assert (mapping.text, mapping.is_many) == (text, is_many)
    assert pickle.loads(pickle.dumps(mapping)) == mapping


@pytest.mark.parametrize(
    ("said", "down", "up", "key", "read"),
    [
        (None, DAYS, None, "2013-01-01", [0]),
        (None, MONTHS, DAYS, "2013-02", [f"2013-02-{day:02}" for day in range(1, 29)]),
        (None, DAYS, MONTHS, "2013-02-11", ["2013-02"]),
        (None, DAYS, YEARS, "2013-02-11", ["2013"]),
        (None, WEEKS, DAYS, "2013-01-07", [f"2013-01-{day:02}" for day in range(7, 14)]),
        (None, MONTHS, WEEKS, "2013-02", ["2013-02-04", "2013-02-11", "2013-02-18", "2013-02-25"]),
        (None, DAYS, SHIFTS, "2013-01-02", ["2013-01-02T0600", "2013-01-02T1800"]),
        (None, HOURS, SHIFTS, "2013-01-02T05", ["2013-01-01T1800"]),
        ("last", MONTHS, DAYS, "2013-02", ["2013-12-31"]),
        ("last 2", MONTHS, DAYS, "2013-02", ["2013-12-30", "2013-12-31"]),
        (Offset(-1), DAYS, DAYS, "2013-02-01", ["2013-01-31"]),
        (Offset(1), DAYS, DAYS, "2013-02-01", ["2013-02-02"]),
        (Offset(-2, 0), DAYS, DAYS, "2013-02-01", ["2013-01-30", "2013-01-31", "2013-02-01"]),
        (Offset(-2, 0), DAYS, DAYS, "2013-01-02", ["2013-01-01", "2013-01-02"]),
        (Offset(-1, 1), DAYS, DAYS, "2013-12-31", ["2013-12-30", "2013-12-31"]),
        (Offset(-1), DAYS, MONTHS, "2013-02-11", ["2013-01"]),
        (Offset(-1), CARRIERS, CARRIERS, "UA", ["AA"]),
        (["2013", "2012"], DAYS, YEARS, "2013-02-01", ["2012", "2013"]),
        (Keys({"AA": ["2014", "2012"]}), CARRIERS, YEARS, "AA", ["2012", "2014"]),
        (lambda key: key[:4], DAYS, YEARS, "2013-02-01", ["2013"]),
        (lambda key: [key[:4], "2012"], DAYS, YEARS, "2013-02-01", ["2012", "2013"]),
        (lambda _: None, DAYS, YEARS, "2013-02-01", []),
        (None, BOTH, BOTH, "2013-01-02|UA", ["2013-01-02|UA"]),
        (None, DAYS, BOTH, "2013-01-02", ["2013-01-02|AA", "2013-01-02|UA", "2013-01-02|WN"]),
        (None, BOTH, MONTHS, "2013-02-02|UA", ["2013-02"]),
        (None, BOTH, TWO, "2013-02-02|UA", ["UA|2013-02"]),
        ({"date": Offset(-1)}, BOTH, DAYS, "2013-02-02|UA", ["2013-02-01"]),
        ({"date": Offset(-1, 0), "carrier": "last"}, BOTH, BOTH, "2013-01-02|UA", ["2013-01-01|WN", "2013-01-02|WN"]),
        ({"date": "last"}, CARRIERS, BOTH, "UA", ["2013-12-31|UA"]),
        ({"date": ["2013-01-01"]}, None, BOTH, None, ["2013-01-01|AA", "2013-01-01|UA", "2013-01-01|WN"]),
    ],
)
def test_a_key_reads(said, down, up, key, read):
    assert reads(said, down, up, key) == (read, ())


@pytest.mark.parametrize(
    ("said", "down", "up", "key", "read", "absent"),
    [
        (None, Daily("2012-12-31", end="2013-02-01"), DAYS, "2012-12-31", [], ("2012-12-31",)),
        (None, Static(["UA", "XX"]), CARRIERS, "XX", [], ("XX",)),
        (None, Monthly("2012-12", end="2013-02"), DAYS, "2012-12", [], ("2012-12",)),
        (None, Daily("2015-01-01", end="2015-02-01"), YEARS, "2015-01-01", [], ("2015-01-01",)),
        (Offset(-1), DAYS, DAYS, "2013-01-01", [], ("before 2013-01-01",)),
        (Offset(1), DAYS, DAYS, "2013-12-31", [], ("after 2013-12-31",)),
        (Offset(-1), CARRIERS, CARRIERS, "AA", [], ("before AA",)),
        (["2013", "2020"], DAYS, YEARS, "2013-01-01", ["2013"], ("2020",)),
        (Keys({"AA": ["2020"]}), CARRIERS, YEARS, "AA", [], ("2020",)),
        (Keys({"AA": ["2013"]}), CARRIERS, YEARS, "UA", [], ("UA",)),
        (Keys({"AA": ["2020"]}, allow_missing=True), CARRIERS, YEARS, "AA", [], ()),
        (Keys({"AA": ["2013"]}, allow_missing=True), CARRIERS, YEARS, "UA", [], ()),
        (lambda key: [key[:4], "2020"], DAYS, YEARS, "2013-01-01", ["2013"], ("2020",)),
        ({"date": Offset(-1)}, BOTH, BOTH, "2013-01-01|UA", [], ("before 2013-01-01|*",)),
    ],
)
def test_what_does_not_exist_is_named(said, down, up, key, read, absent):
    assert reads(said, down, up, key) == (read, absent)


def test_the_last_of_no_keys_does_not_exist():
    assert reads("last", None, Dynamic("raw/shops"), None, []) == ([], ("last",))
    assert reads("all", None, Dynamic("raw/shops"), None, []) == ([], ())


def test_an_offset_counts_windows_that_are_not_over_yet():
    days, months = Daily("2014-06-01"), Monthly("2014-01")
    assert months.key_set(NOW)[-1] == "2014-05"
    assert reads(Offset(-1), days, months, "2014-06-14") == (["2014-05"], ())
    assert reads(Offset(0), days, months, "2014-06-14") == ([], ("after 2014-05",))


def test_an_offset_reaches_over_the_ends_of_upstream():
    late, early = Daily("2013-01-03", end="2013-01-08"), Daily("2013-01-01", end="2013-01-05")
    assert reads(Offset(-3, 0), late, early, "2013-01-07") == (["2013-01-04"], ())
    assert reads(Offset(0, 1), early, late, "2013-01-02") == (["2013-01-03"], ())
    assert reads(Offset(-2), late, early, "2013-01-03") == (["2013-01-01"], ())


def test_files_that_are_there_stand_for_their_windows():
    files = ["2013-01-30", "2013-01-02", "2013-02-05"]
    assert reads(None, MONTHS, DAYS, "2013-01", files) == (["2013-01-30", "2013-01-02"], ())
    assert reads(None, HOURS, DAYS, "2013-01-02T05", files) == (["2013-01-02"], ())
    assert reads(None, HOURS, DAYS, "2013-01-03T05", files) == ([], ("2013-01-03T05",))


SIMPLE = [HOURS, DAYS, WEEKS, MONTHS, YEARS, SHIFTS, Daily("2012-12-20", end="2013-06-10", timezone="Asia/Tokyo")]


@given(down=st.sampled_from(SIMPLE), up=st.sampled_from(SIMPLE), data=st.data())
@settings(max_examples=150, deadline=None)
def test_windows_map_by_time(down, up, data):
    keys, upstream = down.key_set(NOW), up.key_set(NOW)
    mapping = resolve_mapping(None, down, up)
    index = data.draw(st.integers(0, len(keys) - 1))
    bound = mapping.bind(keys, upstream)
    window = down.window(keys[index])
    if mapping.text == "same":
        expected = [at for at, key in enumerate(upstream) if key == keys[index]]
    elif mapping.is_many:
        expected = [at for at, key in enumerate(upstream) if window.start <= up.window(key).start < window.end]
    else:
        containing = [up.window(key) for key in upstream]
        expected = [at for at, other in enumerate(containing) if other.start <= window.start < other.end]
    assert list(bound.of(index)) == expected
    assert bound.absent(index) == (() if expected else (keys[index],))
    assert isinstance(bound.of(index), range)


@given(
    first=st.integers(-40, 40),
    length=st.integers(0, 20),
    starts=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    days=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
@settings(max_examples=150, deadline=None)
def test_an_offset_counts_days(first, length, starts, days):
    begin = datetime(2013, 1, 1, tzinfo=UTC)
    down, up = (
        Daily(begin + timedelta(days=start), end=begin + timedelta(days=start + count))
        for start, count in zip(starts, days, strict=True)
    )
    keys, upstream = down.key_set(NOW), up.key_set(NOW)
    bound = resolve_mapping(Offset(first, first + length), down, up).bind(keys, upstream)
    meets = starts[0] <= starts[1] < starts[0] + days[0] or starts[1] <= starts[0] < starts[1] + days[1]
    for index in range(len(keys)):
        at = starts[0] + index - starts[1]
        expected = [at + shift for shift in range(first, first + length + 1) if 0 <= at + shift < len(upstream)]
        # Definitions that share no key may only ever be read too little, and then say so.
        assert list(bound.of(index)) == expected or (not meets and (set(bound.of(index)) <= set(expected)))
        assert bool(bound.absent(index)) == (not bound.of(index))


DIMENSIONS = {"date": Daily("2013-01-01", end="2013-01-05"), "carrier": CARRIERS, "kind": Static(["x", "y"])}


@given(
    down_names=st.permutations(sorted(DIMENSIONS)),
    up_names=st.permutations(sorted(DIMENSIONS)),
    sizes=st.tuples(st.integers(2, 3), st.integers(2, 3)),
    said=st.dictionaries(st.sampled_from(sorted(DIMENSIONS)), st.sampled_from(["all", "last", Offset(-1), None])),
)
@settings(max_examples=100, deadline=None)
def test_dimensions_map_each_by_its_own(down_names, up_names, sizes, said):
    down_names, up_names = down_names[: sizes[0]], up_names[: sizes[1]]
    down, up = (Multi(**{name: DIMENSIONS[name] for name in names}) for names in (down_names, up_names))
    said = {name: how for name, how in said.items() if name in up_names}
    if any(name not in down_names and isinstance(how, Offset) for name, how in said.items()):
        with pytest.raises(ValueError, match="needs a key to count from"):
            resolve_mapping(said, down, up)
        return
    keys, upstream = down.key_set(NOW), up.key_set(NOW)
    bound = resolve_mapping(said or None, down, up).bind(keys, upstream)
    for index, key in enumerate(keys):
        own = down.split(key) or {}
        allowed = {name: set(_allowed(said.get(name), DIMENSIONS[name], own.get(name))) for name in up_names}
        expected = [at for at, other in enumerate(upstream) if _fits(up.split(other), allowed)]
        assert list(bound.of(index)) == expected
        assert bool(bound.absent(index)) == (not expected)
    assert bound.is_identity == all(list(bound.of(at)) == [at] for at in range(len(keys))) or down != up


def _allowed(how, definition, own):
    keys = list(definition.key_set(NOW))
    if how == "all" or (how is None and own is None):
        return keys
    if how == "last":
        return keys[-1:]
    if isinstance(how, Offset):
        return keys[max(keys.index(own) - 1, 0) : keys.index(own)]
    return [own]


def _fits(parts, allowed):
    return all(part in allowed[name] for name, part in parts.items())


def test_only_equal_keys_are_the_fast_case():
    def is_identity(said, down, up):
        return resolve_mapping(said, down, up).bind(down.key_set(NOW), up.key_set(NOW)).is_identity

    assert is_identity(None, DAYS, Daily("2013-01-01", end="2014"))
    assert is_identity(None, BOTH, BOTH)
    assert not is_identity(None, DAYS, Daily("2012-01-01", end="2014"))
    assert not is_identity(Offset(-1), DAYS, DAYS)


def test_an_asset_may_read_its_own_earlier_keys_alone():
    def bound(said, definition):
        return resolve_mapping(said, definition, definition).bind(definition.key_set(NOW), definition.key_set(NOW))

    assert earlier_only(bound(Offset(-1), DAYS), 365)
    assert earlier_only(bound(Offset(-7, -1), DAYS), 365)
    assert earlier_only(bound({"date": Offset(-1)}, BOTH), 1095)
    assert earlier_only(bound(Keys({"UA": ["AA"], "AA": [], "WN": ["AA"]}), CARRIERS), 3)
    assert first_not_earlier(bound(None, DAYS), 365) == 0
    assert first_not_earlier(bound(Offset(-6, 0), DAYS), 365) == 0
    assert first_not_earlier(bound(Offset(1), DAYS), 365) == 0
    assert first_not_earlier(bound(Keys({"AA": [], "UA": ["WN"], "WN": []}), CARRIERS), 3) == 1


def test_names_on_the_left_that_do_not_exist_are_known():
    def unknown(**how):
        said = Keys({"AA": ["2013"], "ZZ": ["2013"]}, **how)
        return resolve_mapping(said, CARRIERS, YEARS).bind(CARRIERS.key_set(NOW), YEARS.key_set(NOW)).unknown

    assert unknown() == ("ZZ",)
    assert unknown(allow_missing=True) == ()


def test_a_mapping_without_its_function_says_so():
    mapping = resolve_mapping(lambda key: key, DAYS, DAYS)
    kept = pickle.loads(pickle.dumps(mapping))
    assert mapping.needs_function
    assert kept == mapping
    with pytest.raises(RuntimeError, match="is not loaded"):
        kept.bind(DAYS.key_set(NOW), DAYS.key_set(NOW)).of(0)


def test_the_annotation_of_a_function_says_whether_it_gives_one_key():
    def one(key: str) -> str:
        return key

    def several(key: str) -> list[str]:
        return [key]

    assert [resolve_mapping(said, DAYS, DAYS).is_many for said in (one, several)] == [False, True]


def test_a_function_without_an_annotation_is_asked_for_a_first_key():
    for said, is_many in (
        (lambda key: key, False),
        (lambda key: [key], True),
        (lambda key: None if key == "2013-01-01" else key, False),
        (lambda key: {}[key], True),
    ):
        assert resolve_mapping(said, DAYS, DAYS).is_many == is_many
    assert resolve_mapping(lambda key: key, Dynamic("raw/shops"), DAYS).is_many


def test_a_function_that_gave_one_key_may_not_give_several():
    mapping = resolve_mapping(lambda key: key if key < "2013-02" else [key, "2013-01-01"], DAYS, DAYS)
    bound = mapping.bind(DAYS.key_set(NOW), DAYS.key_set(NOW))
    assert list(bound.of(3)) == [3]
    with pytest.raises(DefinitionError, match="gave 2 keys for the key '2013-02-10'"):
        bound.of(40)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda key: {}[key],
            (
                "the partition mapping <lambda>() failed for the key '2013-01-01'\n  error  KeyError: '2013-01-01'\n"
                "It takes a key, and returns a key or a list of keys."
            ),
        ),
        (
            lambda _: [1],
            (
                "the partition mapping <lambda>() gave no key for the key '2013-01-01'\n  gave  1\n"
                "It takes a key, and returns a key or a list of keys."
            ),
        ),
        (
            lambda _: 1,
            (
                "the partition mapping <lambda>() failed for the key '2013-01-01'\n"
                "  error  TypeError: 'int' object is not iterable\nIt takes a key, and returns a key or a list of keys."
            ),
        ),
    ],
)
def test_a_function_that_fails_is_named(function, message):
    bound = resolve_mapping(function, DAYS, DAYS).bind(DAYS.key_set(NOW), DAYS.key_set(NOW))
    with pytest.raises(DefinitionError) as caught:
        bound.of(0)
    assert str(caught.value) == message


def test_a_function_is_called_for_the_keys_that_are_asked_for():
    called = []

    def before(key: str) -> list[str]:
        called.append(key)
        return ["2013-01-01"]

    bound = resolve_mapping(before, DAYS, DAYS).bind(DAYS.key_set(NOW), DAYS.key_set(NOW))
    assert called == []
    bound.of(3)
    bound.absent(3)
    assert called == ["2013-01-04"]


@pytest.mark.parametrize(
    ("said", "down", "up", "message"),
    [
        ("all", DAYS, None, "partitions='all' is said of an upstream without partitions: drop it"),
        ("same", None, DAYS, "partitions='same' needs a key to count from, and this asset has no partitions"),
        (Offset(-1), None, DAYS, "partitions=Offset(-1) needs a key to count from, and this asset has no partitions"),
        (Keys({"a": "b"}), None, DAYS, "Keys is by the keys of this asset, which has no partitions: write a list of"),
        (len, None, DAYS, "the mapping len() takes a key of this asset, which has no partitions"),
        (
            "sme",
            DAYS,
            DAYS,
            "partitions='sme' is no mapping (closest: 'same'): write 'same', 'all', 'last' or a list of",
        ),
        ("last 0", DAYS, DAYS, "partitions='last 0' is no mapping (closest: 'last'): write 'same', 'all', 'last' or"),
        (7, DAYS, DAYS, "partitions=7 is no mapping: write 'same', 'all', 'last', Offset, Keys, a list or function"),
        ([], DAYS, DAYS, "partitions=[] is no list of keys"),
        ([1], DAYS, DAYS, "partitions=[1] is no list of keys"),
        (Keys({}), DAYS, DAYS, "Keys names no keys"),
        (Keys({"a": [1]}), DAYS, DAYS, "Keys is of texts: a key, and its upstream key"),  # type: ignore[list-item]
        (
            Offset(0, -1),
            DAYS,
            DAYS,
            "Offset(0, -1) is no window of keys: write Offset(first, last), with first <= last",
        ),
        (Offset("a"), DAYS, DAYS, "is no window of keys"),  # type: ignore[arg-type]
        (Offset(-1), MONTHS, DAYS, "Offset(-1) counts upstream keys, and Monthly(2013-01-01..2014-01-01, UTC) over"),
        ("same", MONTHS, DAYS, "these are windows of another length; drop partitions='same'"),
        (None, DAYS, CARRIERS, 'these are keys of another kind; say which are read: partitions="all", Keys({...}) or'),
        (None, Static(["x"]), CARRIERS, "these are keys of another kind"),
        (None, WEEKS, Weekly("2013-01-08"), "these are keys of another kind"),
        (None, DAYS, Cron("0 6 * * *", "2013"), "these are keys of another kind"),
        ({"date": "all"}, DAYS, DAYS, "a dict of partitions is for upstreams of several dimensions: write Keys({...})"),
        ({"dat": "all"}, BOTH, BOTH, "there is no dimension 'dat' (closest: 'date'): there are 'date', 'carrier'"),
        ({"date": Offset(-1)}, CARRIERS, BOTH, "dimension 'date': partitions=Offset(-1) needs a key to count from"),
        ("last", BOTH, BOTH, "partitions='last' of 2 dimensions: say it by dimension, {'date': ...}"),
        ("same", CARRIERS, BOTH, "dimension 'date': nothing of this asset has the same keys"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(said, down, up, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is looked at below
        resolve_mapping(said, down, up)
    assert message in str(caught.value)


def test_a_million_pairs_are_ranges():
    hours = Hourly("2000-01-01", end="2014-01-01")
    keys = hours.key_set(NOW)
    months = Monthly("2000-01", end="2014-01")
    bound = resolve_mapping(None, months, hours).bind(months.key_set(NOW), keys)
    assert sum(len(bound.of(index)) for index in range(168)) == len(keys) == 122_736
    assert bound.of(0) == range(744)
