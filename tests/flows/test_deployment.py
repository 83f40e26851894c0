"""deploy/prefect.yaml, checked without a server."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text("utf-8"))


def test_prefect_understands_the_file(described: dict[str, Any]) -> None:
    from prefect.cli.deploy._models import PrefectYamlModel

    PrefectYamlModel.model_validate(described)


def test_no_key_is_misspelt(described: dict[str, Any]) -> None:
    """Prefect ignores keys it does not know."""
    from prefect.cli.deploy._models import DeploymentConfig

    for deployment in described["deployments"]:
        assert set(deployment) <= set(DeploymentConfig.model_fields)


def test_the_flow_accepts_the_parameters(described: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.chdir(ROOT)
    for deployment in described["deployments"]:
        flow = load_flow_from_entrypoint(deployment["entrypoint"])
        assert flow.name == "digitize"
        flow.validate_parameters(deployment["parameters"])


def test_the_schedules_fire(described: dict[str, Any]) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    for deployment in described["deployments"]:
        for schedule in deployment["schedules"]:
            CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
