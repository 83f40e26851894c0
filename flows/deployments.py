"""Deployments as a file describes them (deploy/prefect.yaml): checked, then made on a Prefect server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import PrefectException
from prefect.flows import Flow, load_flow_from_entrypoint

from flows.shards.flow import FLOW
from flows.shards.pools import ensure_pool
from ocr_core.errors import UsageError, WarraqError


def read_deployments(path: Path) -> list[dict[str, Any]]:
    """The deployments of a file, all of them sound.

    Raises:
        UsageError: the file is missing or not as Prefect wants it, has a key that Prefect would ignore, names a flow that
            is not there or has other parameters, or a schedule that cannot be.
    """
    try:
        described = yaml.safe_load(path.read_text("utf-8"))
        PrefectYamlModel.model_validate(described)
        for deployment in described["deployments"]:
            _check(deployment)
    except (OSError, ValueError, TypeError, KeyError, ImportError, PrefectException, yaml.YAMLError) as error:
        raise UsageError(
            f"{path} cannot be deployed: {error}",
            remedy="Name a file like deploy/prefect.yaml, and start from the folder that holds flows/.",
        ) from error
    return list(described["deployments"])


def _check(deployment: dict[str, Any]) -> None:
    name = deployment["name"]
    if unknown := set(deployment) - set(DeploymentConfig.model_fields):
        raise ValueError(f"{name}: unknown key {min(unknown)!r}")
    flow: Flow[..., Any] = load_flow_from_entrypoint(deployment["entrypoint"])
    if flow.name != FLOW:  # whose parameters are known when it is run
        flow.validate_parameters(deployment["parameters"])
    for schedule in deployment.get("schedules", []):
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])


def make_pools(client: SyncPrefectClient, deployments: list[dict[str, Any]]) -> list[str]:
    """The work pools that the deployments name; a pool of readers lets one shard run at a time. Their names."""
    for deployment in deployments:
        pool = deployment["work_pool"]["name"]
        readers = load_flow_from_entrypoint(deployment["entrypoint"]).name == FLOW
        ensure_pool(client, pool, new_limit=1 if readers else None)
    return sorted({deployment["work_pool"]["name"] for deployment in deployments})


def make_deployments(path: Path) -> None:
    """Have Prefect make, or change, what the file describes.

    Raises:
        WarraqError: Prefect could not.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(path), "--all"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise WarraqError(
            f"Prefect could not deploy {path}: {(done.stderr or done.stdout).strip()}",
            remedy=f"Try it by hand: {' '.join(command[1:])}",
        )
