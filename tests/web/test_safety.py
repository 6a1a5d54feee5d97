"""What nobody may do."""

import json

import pytest
from asked_here import invite, project
from visitor import Visitor

from prefloop.feedback.members import Members
from prefloop.web.guard import MOST_BYTES
from prefloop.web.session import secret_for


@pytest.fixture
def ada(store, browser_of):
    project(store, "thumbs")
    return Visitor(browser_of(), "thumbs", invite(store, "thumbs"))


@pytest.mark.parametrize(
    "path", ["/", "/p/thumbs/", "/lead", "/join/nothing", "/static/label.js", "/none", "/openapi.json"]
)
def test_every_response_has_the_headers(ada, path):
    headers = ada.client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_no_page_has_inline_script_or_style(ada):
    page = ada.client.get("/p/thumbs/").text
    assert "<script>" not in page
    assert " style=" not in page
    assert " onclick" not in page


def test_the_cookie_cannot_be_read_or_sent_from_elsewhere(store, browser_of):
    project(store, "thumbs")
    cookie = browser_of().post(f"/join/{invite(store, 'thumbs')}", follow_redirects=False).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/p/thumbs/" in cookie


def test_a_look_at_the_link_changes_nothing(store, browser_of):
    project(store, "thumbs")
    token = invite(store, "thumbs", "*")
    client = browser_of()
    assert client.get(f"/join/{token}").status_code == 200
    assert "set-cookie" not in client.get(f"/join/{token}").headers
    assert [m.who for m in Members(store).of("thumbs")] == ["*"]


def test_a_name_that_is_taken_is_refused(store, browser_of):
    project(store, "thumbs")
    token = invite(store, "thumbs", "*")
    assert browser_of().post(f"/join/{token}", data={"name": "ada"}).status_code == 200
    again = browser_of().post(f"/join/{token}", data={"name": "ada"})
    assert again.status_code == 422
    assert "choose another name" in again.text


@pytest.mark.parametrize("what", ["next", "submit", "compare"])
def test_a_change_without_the_second_token_is_refused(ada, what):
    for headers in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "é".encode()}):
        body = {"id": "a" * 32, "lease": "x"}
        assert ada.client.post(f"/p/thumbs/{what}", json=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_change_from_another_site_is_refused(ada, headers):
    sent = {"X-CSRF-Token": ada.csrf, **headers}
    assert ada.client.post("/p/thumbs/next", json={}, headers=sent).status_code == 403


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "a" * 5_000])
def test_a_cookie_that_we_did_not_sign_is_nobody(app, browser_of, ada, cookie):
    client = browser_of()
    assert client.get("/p/thumbs/", headers={"Cookie": f"prefloop={cookie}"}).status_code == 401


def test_somebody_who_was_removed_is_out_at_once(store, ada):
    Members(store).remove("thumbs", "ada", by="lee")
    assert ada.post("next").status_code == 401


def test_a_lease_holds_for_one_person_and_cannot_be_changed(store, browser_of, ada):
    bob = Visitor(browser_of(), "thumbs", invite(store, "thumbs", "bob"))
    lease = ada.next()["lease"]
    assert bob.say(lease, [True, True]).status_code == 403
    assert ada.say(lease[:-2] + "xx", [True, True]).status_code == 422
    assert ada.say("", [True, True]).status_code == 422


def test_an_invitation_to_one_project_is_none_to_another(store, ada):
    project(store, "choice")
    cookie = "; ".join(f"{c.name}={c.value}" for c in ada.client.cookies.jar)
    assert ada.client.get("/p/choice/", headers={"Cookie": cookie}).status_code == 403
    assert ada.client.get("/lead", headers={"Cookie": cookie}).status_code == 403


def test_nobody_guesses_links(browser_of, app):
    client = browser_of()
    statuses = [client.get(f"/join/guess-{n}").status_code for n in range(25)]
    assert statuses == [404] * 20 + [429] * 5


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_is_refused(ada, chunked):
    body = json.dumps({"holding": [], "x": "y" * MOST_BYTES}).encode()
    parts = (body[i : i + 65_536] for i in range(0, len(body), 65_536)) if chunked else body
    answer = ada.client.post("/p/thumbs/next", content=parts, headers={"X-CSRF-Token": ada.csrf})
    assert answer.status_code == 413


def test_a_short_body_of_unknown_length_is_read(ada):
    sent = {"X-CSRF-Token": ada.csrf, "Content-Type": "application/json"}
    assert ada.client.post("/p/thumbs/next", content=iter([b'{"hold', b'ing": []}']), headers=sent).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"]
)
def test_no_other_file_is_served(ada, path):
    assert ada.client.get(path).status_code == 404


@pytest.mark.parametrize("word", ["' OR 1=1 --", "thumbs'; DROP TABLE events; --", "%00", "../thumbs"])
def test_words_of_sql_are_words(store, ada, word):
    assert ada.client.get(f"/p/{word}/").status_code in (401, 403, 404, 422)
    assert ada.client.get(f"/join/{word}").status_code == 404
    assert ada.say(ada.next()["lease"], event="skip", reason=word).status_code == 200
    assert [e.reason for e in store.events()] == [word]


def test_the_secret_is_for_this_user_only(tmp_path):
    secret = secret_for("sqlite:///a", tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert secret_for("sqlite:///a", tmp_path) == secret != secret_for("sqlite:///b", tmp_path)
