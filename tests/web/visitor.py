"""Somebody at the page, without a browser."""

import re
import uuid


class Visitor:
    def __init__(self, client, kind, token):
        self.client, self.kind = client, kind
        page = client.post(f"/join/{token}")
        assert page.status_code == 200, page.text
        self.csrf = re.search(r'name="csrf" content="(\w+)"', page.text)[1]

    def post(self, what, **body):
        return self.client.post(f"/p/{self.kind}/{what}", json=body, headers={"X-CSRF-Token": self.csrf})

    def next(self, *holding):
        return self.post("next", holding=list(holding)).json()

    def say(self, lease, value=None, **body):
        return self.post("submit", **{"id": uuid.uuid4().hex, "lease": lease, "value": value, "seconds": 2.5, **body})
