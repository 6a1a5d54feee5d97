"""What somebody said is seen by them and by who leads, and by nobody else who answers: at every way in there is."""

import re

import pytest
from asked_here import invite, project
from visitor import Visitor

SECRET = "ZANZIBAR"
ADA = "ada-of-zanzibar"


def requests(app):
    """Every method of every path that the server has."""
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            yield method, path


def filled(path, **names):
    return re.sub(r"\{(\w+)\}", lambda m: names[m[1]], path)


@pytest.mark.parametrize("kind", ["critique", "demonstration", "edit"])
@pytest.mark.parametrize("of", ["the same project", "another one"])
def test_nobody_who_answers_sees_what_another_said(store, app, browser_of, kind, of):
    project(store, kind, items=2, overlap=2)
    ada = Visitor(browser_of(), kind, invite(store, kind, ADA))
    first = ada.next()
    value = {"text": SECRET} if kind == "demonstration" else {"response": 0, "text": SECRET}
    receipt = ada.say(first["lease"], value).json()
    ada.say(ada.next()["lease"], event="skip", reason=SECRET)
    assert SECRET in ada.client.get(f"/p/{kind}/mine").text
    assert ada.post("again", question=first["question"]).json()["value"]["text"] == SECRET

    if of == "another one":
        project(store, "thumbs")
    bob = Visitor(browser_of(), *((kind, invite(store, kind, "bob")) if of[0] == "t" else _thumbs(store)))
    cookie = "; ".join(f"{c.name}={c.value}" for c in bob.client.cookies.jar)
    sent = {"X-CSRF-Token": bob.csrf, "Cookie": cookie}
    mine = bob.next()
    asked = 0
    for method, path in requests(app):
        for lease in (mine["lease"], receipt["lease"]):
            body = {"id": "b" * 32, "lease": lease, "holding": [lease], "question": first["question"], "value": value}
            body["value"] = {**value, "text": "bob's"}
            url = filled(path, project=kind, place="1", number="1", token="guess")
            json_ = path.startswith("/p/")
            answer = bob.client.request(
                method, url, headers=sent, **({"json": body} if json_ else {"data": {"csrf": bob.csrf, "who": ADA}})
            )
            asked += 1
            assert SECRET not in answer.text + str(answer.headers), (method, path)
            assert ADA not in answer.text, (method, path)
    assert asked > 20
    assert [e.who for e in store.events() if SECRET in f"{e.value}{e.reason}"] == [ADA, ADA]


def _thumbs(store):
    return "thumbs", invite(store, "thumbs", "bob")


def test_a_cookie_for_answering_opens_no_page_of_the_lead(store, app, browser_of):
    project(store, "thumbs")
    bob = Visitor(browser_of(), "thumbs", invite(store, "thumbs", "bob"))
    cookie = "; ".join(f"{c.name}={c.value}" for c in bob.client.cookies.jar)
    paths = [(m, p) for m, p in requests(app) if p.startswith("/lead")]
    assert len(paths) > 5
    for method, path in paths:
        form = {"csrf": bob.csrf, "title": "t", "text": "x", "who": "bob"}
        url = filled(path, project="thumbs", place="1", number="1", token="x")
        answer = bob.client.request(method, url, headers={"Cookie": cookie}, data=form if method == "post" else None)
        assert answer.status_code in (403, 422), (method, path, answer.status_code)
