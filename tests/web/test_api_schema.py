"""Whatever fits the description of the interface, and whatever does not, is answered without a failure of ours."""

from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from alerts import tokens

pytestmark = pytest.mark.slow
QUICKLY = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
METHODS = {"get", "put", "post", "delete"}


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_makes_the_interface_fail(community, mode):
    with community.engine.begin() as conn:
        scopes = ["registry:write", "cases:read", "drills:run"]
        token = tokens.add(conn, "fuzz", scopes, None, timedelta(days=1), "cli", community.now)
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", community.app)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @QUICKLY
        @given(case=operation.as_strategy(generation_mode=mode))
        def asked(case):
            answer = case.call(headers={"Authorization": f"Bearer {token}"})
            case.validate_response(answer, checks=[not_a_server_error])
            assert answer.status_code != 401 or mode is GenerationMode.NEGATIVE
            if answer.status_code >= 400 and case.method != "HEAD":
                assert answer.headers["content-type"] == ["application/problem+json"]

        asked()
        tried += 1
    assert tried == sum(name in METHODS for path in schema.raw_schema["paths"].values() for name in path) >= 45
