"""What `/openapi.json` promises is kept, whatever is sent: found by schemathesis, from the description alone."""

import pytest
from hypothesis import HealthCheck, settings
from scored_here import reward_model

from prefloop.web.reward import Limits, create_app

schemathesis = pytest.importorskip("schemathesis", reason="a tool of the extra `dev`")
TOKEN = "s3cret"
REFUSABLE = schemathesis.checks.positive_data_acceptance
"""What is as described may still be refused: a conversation its template does not take, a row beyond the context."""
schema = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app(reward_model(), token=TOKEN, limits=Limits(wait=0.0, bytes=20_000))
)


@schema.parametrize()
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_makes_it_fail_and_every_answer_is_as_described(case):
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=[REFUSABLE])
