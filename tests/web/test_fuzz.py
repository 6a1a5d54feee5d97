"""Requests that a program makes up from what the server says of itself: none brings it down."""

import re

import pytest
from asked_here import invite, project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prefloop.feedback.members import Members

schemathesis = pytest.importorskip("schemathesis", reason="the package schemathesis is not installed")
EXAMPLES = 20


def somebody(store, browser_of, role):
    """A client with a cookie of this role, sent everywhere, and the second token of its pages."""
    client = browser_of()
    if role == "nobody":
        return client, "", {}
    of = "" if role == "lead" else "thumbs"
    token = Members(store).invite(of, f"a-{role}", role, by="test")
    page = client.post(f"/join/{token}")
    (cookie,) = client.cookies.jar
    return client, re.search(r'name="csrf" content="(\w+)"', page.text)[1], {"Cookie": f"prefloop={cookie.value}"}


@pytest.mark.parametrize("role", ["nobody", "annotator", "reviewer", "readonly", "lead"])
def test_no_request_brings_the_server_down(store, app, browser_of, role):
    project(store, "thumbs", items=3)
    desk = app.state.desk
    for tries in (desk.joins, desk.tries):
        tries.most = 1_000_000
    client, csrf, cookie = somebody(store, browser_of, role)
    leases = []
    if role == "annotator":
        got = client.post("/p/thumbs/next", json={}, headers={"X-CSRF-Token": csrf}).json()
        leases.append(got["lease"])
    link = invite(store, "thumbs", "*")
    statuses = set()
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), real=st.integers(0, 7))
        def made_up(case, real):
            place(case, real, csrf=csrf, link=link, leases=leases)
            answer = case.call(headers={**cookie, "X-CSRF-Token": csrf})
            statuses.add(answer.status_code)
            assert answer.status_code < 500, (case.method, case.path, case.path_parameters, case.body, answer.text)

        made_up()
    assert 200 in statuses
    assert statuses & {401, 403, 404, 422}


def place(case, real, *, csrf, link, leases):
    """Put what exists in the place of some of what was made up, so that the request goes further in."""
    names = {"project": "thumbs", "token": link, "place": 1}
    if real:
        case.path_parameters = {k: names.get(k, v) for k, v in (case.path_parameters or {}).items()}
    if isinstance(case.body, dict):
        if "csrf" in case.body and real != 1:
            case.body["csrf"] = csrf
        if "lease" in case.body and leases and real % 2:
            case.body["lease"] = leases[0]
