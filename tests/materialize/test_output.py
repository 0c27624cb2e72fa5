"""What assets print: in the log and in the stream of events, by attempt, and without secrets however they end."""

from __future__ import annotations

import json
import signal

import pytest

from assetbuild.load.config import MASK
from tests.harness.project_folder import finish

TALKING = """
import logging, os, subprocess, sys

@asset
def talks() -> int:
    print("by print")
    os.write(2, b"by native code\\n")
    subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    logging.getLogger("shop").warning("by logging")
    return 1

@asset(retries=1)
def again(talks: int) -> int:
    print("try", once("again"))
    if once("failed"):
        raise ValueError("not yet")
    return 2

@asset
def long(talks: int) -> int:
    print("begin" + "x" * 200_000 + "end")
    return 3

@asset
def silent(again: int, long: int) -> int:
    return 4
"""


def events(project, *arguments, exit_code=0):
    file = project.path("events.jsonl")
    file.unlink(missing_ok=True)
    project.run("materialize", "--events", str(file), *arguments, exit_code=exit_code)
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_stream_tells_what_was_printed_before_it_tells_the_outcome(project, jobs):
    project.assets(TALKING)
    said = events(project, "-j", jobs)
    output = {(each["asset"], each["attempt"]): each["text"] for each in said if each["event"] == "AssetOutput"}
    assert output.keys() == {("talks", 1), ("again", 1), ("again", 2), ("long", 1)}
    talks = output["talks", 1]
    assert all(f"by {how}" in talks for how in ("print", "native code", "a child", "logging"))
    assert output["again", 1].count("try") == output["again", 2].count("try") == 1
    assert len(output["long", 1]) == 1 << 16
    assert output["long", 1].endswith("xend\n")
    order = [each["event"] for each in said if each.get("asset") == "again"]
    assert order == ["AssetStarted", "AssetOutput", "AssetRetried", "AssetStarted", "AssetOutput", "AssetFinished"]


SECRET = """
import os, time
from pydantic import BaseModel, Field, SecretStr
from assetbuild import Config

class Inner(BaseModel):
    key: SecretStr

class Access(Config):
    token: SecretStr = Field(alias="the-token")
    name: str = "open"
    inner: Inner
    given: SecretStr = SecretStr("hunter2" + "-given")

@asset{options}
def reads(config: Access) -> int:
    print("with", config.token.get_secret_value(), config.name, flush=True)
    print(config.inner.key.get_secret_value(), config.given.get_secret_value(), flush=True)
    executed("reads")
    {end}
    return 1
"""


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ("", "os._exit(3)"),
        ("", "os.kill(os.getpid(), 9)"),
        ("(timeout=2)", "time.sleep(60)"),
        ("", 'raise ValueError("no")'),
        ("", "pass"),
    ],
)
def test_secrets_are_masked_however_an_asset_ends(project, options, end):
    project.assets(SECRET.format(options=options, end=end))
    project.write("assetbuild.toml", '[config.reads]\nthe-token = "hunter2"\ninner = {key = "hunter2-key"}\n')
    said = events(project, "-j", "1", exit_code=0 if end == "pass" else 1)
    (text,) = [each["text"] for each in said if each["event"] == "AssetOutput"]
    assert f"with {MASK} open\n{MASK} {MASK}\n" in text
    check_nowhere(project, "hunter2")


def test_secrets_are_masked_when_the_build_is_interrupted(project):
    project.assets(SECRET.format(options="", end='pause("reads")'))
    project.write("assetbuild.toml", '[config.reads]\nthe-token = "hunter2"\ninner = {key = "hunter2-key"}\n')
    gate = project.gate("reads")
    command = project.start("materialize", "-j", "1")
    gate.wait()
    command.send_signal(signal.SIGINT)
    assert finish(command).exit_code == 130
    check_nowhere(project, "hunter2")


@pytest.mark.parametrize("end", ["return 1", "raise ValueError(os.environ['SHOP_TOKEN'])", "os._exit(3)"])
def test_values_of_variables_are_masked(project, end):
    project.assets(
        f"""
import os
from assetbuild import Context

@asset(env=["SHOP_KEY", "STAGE", "HERE"])
def reads(context: Context) -> int:
    context.add_metadata({{"from": [os.environ["SHOP_TOKEN"]], "tea": 3}})
    print(*(os.environ.get(name) for name in ("SHOP_KEY", "STAGE", "HERE")), os.environ["SHOP_TOKEN"], flush=True)
    {end}
"""
    )
    env = {"SHOP_KEY": "hunter2-key", "SHOP_TOKEN": "hunter2", "STAGE": "dev", "HERE": str(project.path("."))}
    ran = project.run("materialize", **env, exit_code=0 if end == "return 1" else 1)
    assert "hunter2" not in ran.stdout
    assert f"{MASK} dev {env['HERE']} {MASK}\n" in project.run("logs", "last", "reads").stdout
    check_nowhere(project, "hunter2")


def check_nowhere(project, text):
    kept = [path for path in project.path(".assetbuild").rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in kept)
    kept += project.path(".").glob("*.jsonl")
    assert [path for path in kept if text.encode() in path.read_bytes()] == []
