"""What deploy/ describes: checked without a server, then made on a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.deployments import make_deployments, make_pools, read_deployments
from ocr_core.config import WorkerSettings
from ocr_core.errors import UsageError
from tests.conftest import ROOT

SHIPPED = ROOT / "deploy" / "prefect.yaml"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points are files below the folder one starts from."""
    monkeypatch.chdir(ROOT)


def test_the_shipped_file_is_sound() -> None:
    deployments = {deployment["name"]: deployment for deployment in read_deployments(SHIPPED)}
    assert set(deployments) == {"nightly", "arabic", "monthly", "archive-gpu-0"}
    gpu = deployments["archive-gpu-0"]["work_pool"]
    assert gpu["name"] == "archive-gpu-0"
    assert gpu["job_variables"]["env"] == {"CUDA_VISIBLE_DEVICES": "0"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"sheduls": []}, "unknown key 'sheduls'"),
        ({"schedules": [{"cron": "61 1 * * *", "timezone": "UTC"}]}, "cron"),
        ({"schedules": [{"cron": "1 1 * * *", "timezone": "Mars/Olympus"}]}, "timezone"),
        ({"parameters": {"settings": {"sources": ["/in"]}}}, "library"),
        ({"parameters": {"settings": {"sources": ["/in"], "library": "/l", "arabik": "auto"}}}, "arabik"),
        ({"entrypoint": "flows/nothing.py:digitize"}, "nothing"),
        ({"entrypoint": "flows/digitize.py:nothing"}, "nothing"),
        ({"concurrency_limit": "many"}, "concurrency_limit"),
    ],
)
def test_a_mistake_is_found_before_prefect_overlooks_it(
    change: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    described = yaml.safe_load(SHIPPED.read_text("utf-8"))
    described["deployments"][0] |= change
    path = tmp_path / "prefect.yaml"
    path.write_text(yaml.safe_dump(described), "utf-8")
    with pytest.raises(UsageError, match=complaint):
        read_deployments(path)


def test_deploying_twice_changes_nothing(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    deployments = read_deployments(SHIPPED)
    seen = []
    with get_client(sync_client=True) as client:
        for _ in range(2):
            assert make_pools(client, deployments) == ["archive-cpu", "archive-gpu-0"]
            make_deployments(SHIPPED)
            found = [
                client.read_deployment_by_name(name)
                for name in (
                    "digitize/nightly",
                    "dispatch/arabic",
                    "audit/monthly",
                    "read-shard/archive-gpu-0",
                )
            ]
            seen.append([(d.id, d.work_pool_name, [s.schedule.cron for s in d.schedules]) for d in found])
        assert client.read_work_pool("archive-gpu-0").concurrency_limit == 1
        assert client.read_work_pool("archive-cpu").concurrency_limit is None
    assert seen[0] == seen[1]
    assert [crons for _, _, crons in seen[0]] == [["30 1 * * *"], ["*/20 * * * *"], ["0 6 1 * *"], []]


def test_compose_starts_what_there_is() -> None:
    """Docker is not here to try it: at least every command, pool and volume that it names exists."""
    from flows.cli import cli

    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    pools = {deployment["work_pool"]["name"] for deployment in read_deployments(SHIPPED)}
    served = set()
    for service in compose["services"].values():
        program, *arguments = service.get("command", ["postgres"])
        if program == "warraq":
            command = cli.commands[arguments[0]]
            context = command.make_context(arguments[0], arguments[1:])
            if arguments[0] == "worker":
                served.add(WorkerSettings(device=context.params["device"]).pool_name)
        elif "--pool" in arguments:
            served.add(arguments[arguments.index("--pool") + 1])
        for volume in service.get("volumes", []):
            name = volume.rpartition(":")[0]
            assert name in compose["volumes"] or name.startswith("${ARCHIVE")
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        if "build" in service:
            assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert served == pools
