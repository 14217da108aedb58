"""docs/examples/change against stubs of the answers that ServiceNow and Jira document.

https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html,
https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from imagekit.oci.reference import Digest
from imagekit.trust.change.model import ChangeError, ChangeQuestion, ChangeRecord, ChangeState
from imagekit.trust.change.provider import ask_provider
from imagekit.trust.gate.policy import ChangeProvider
from tests.support.answering import answering

EXAMPLES = Path(__file__).parents[4] / "docs" / "examples"
DIGEST = Digest.of(b"an image")
OTHER = Digest.of(b"another image")
Answers = Callable[[str, dict[str, list[str]], Mapping[str, str]], tuple[int, Any]]


@contextmanager
def stub(answers: Answers) -> Iterator[str]:
    """A server on loopback that answers GET with JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            status, body = answers(asked.path, parse_qs(asked.query), dict(self.headers.items()))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


def servicenow(plan: str, state: str = "-1") -> Answers:
    """The Table API's answers for one change request with two approvals."""

    def answers(path: str, query: dict[str, list[str]], headers: Mapping[str, str]) -> tuple[int, Any]:
        if headers.get("Authorization") != "Bearer sesame":
            return 401, {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth"}}
        [asked] = query["sysparm_query"]
        if path.endswith("/change_request"):
            row = {
                "sys_id": "46e18c0fa9fe19810066a0083f76bd56",
                "number": "CHG0030192",
                "state": state,
                "short_description": "Quarterly update",
                "requested_by.email": "eve@bank.example",
                "start_date": "2026-03-01 10:00:00",
                "end_date": "",
                "implementation_plan": plan,
                "description": "",
            }
            return 200, {"result": [row] if asked == "number=CHG0030192" else []}
        assert asked == "sysapproval=46e18c0fa9fe19810066a0083f76bd56^state=approved"
        rows = [
            {
                "approver.name": name,
                "approver.email": f"{name.lower()}@bank.example",
                "sys_updated_on": "2026-02-28 09:00:00",
            }
            for name in ("Ada", "Bob")
        ]
        return 200, {"result": rows}

    return answers


def jira(description: str, category: str = "indeterminate") -> Answers:
    """The answers of Jira and Jira Service Management for one request."""

    def answers(path: str, query: dict[str, list[str]], headers: Mapping[str, str]) -> tuple[int, Any]:
        if path == "/rest/api/2/issue/OPS-42":
            fields = {
                "summary": "Quarterly update",
                "description": description,
                "status": {"name": "Implementing", "statusCategory": {"id": 4, "key": category}},
                "reporter": {"accountId": "1", "displayName": "Eve", "emailAddress": "eve@bank.example"},
            }
            return 200, {"id": "10001", "key": "OPS-42", "fields": fields}
        if path == "/rest/servicedeskapi/request/OPS-42/approval":
            approver = {"accountId": "2", "displayName": "Ada", "emailAddress": "ada@bank.example"}
            late = {"accountId": "3", "displayName": "Bob"}
            values = [
                {
                    "id": "1",
                    "name": "Approve the change",
                    "finalDecision": "approved",
                    "approvers": [
                        {"approver": approver, "approverDecision": "approved"},
                        {"approver": late, "approverDecision": "pending"},
                    ],
                }
            ]
            return 200, {"size": 1, "start": 0, "limit": 50, "isLastPage": True, "values": values}
        return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}

    return answers


def ask(name: str, change: str, environ: Mapping[str, str]) -> ChangeRecord:
    """Ask an example."""
    asked = ChangeProvider(run=f"change/{name}", environment=tuple(environ))
    question = ChangeQuestion(change=change, digest=DIGEST, image="node", image_version="v1", channel="prod")
    return ask_provider(asked, question, EXAMPLES, environ)


def test_servicenow() -> None:
    with stub(servicenow(f"Roll out {DIGEST} to all nodes")) as url:
        record = ask("servicenow", "CHG0030192", {"SERVICENOW_URL": url, "SERVICENOW_TOKEN": "sesame"})
    assert (record.state, record.digests) == (ChangeState.OPEN, (str(DIGEST),))
    assert [each.person for each in record.approvals] == ["Ada <ada@bank.example>", "Bob <bob@bank.example>"]
    assert record.requested_by == "eve@bank.example"
    assert record.begins is not None


@pytest.mark.parametrize(
    ("state", "means"), [("-2", ChangeState.PENDING), ("3", ChangeState.CLOSED), ("4", ChangeState.CLOSED)]
)
def test_states_of_servicenow(state: str, means: ChangeState) -> None:
    with stub(servicenow(str(DIGEST), state)) as url:
        record = ask("servicenow", "CHG0030192", {"SERVICENOW_URL": url, "SERVICENOW_TOKEN": "sesame"})
    assert record.state is means


def test_two_digests_in_a_plan_are_both_told() -> None:
    with stub(servicenow(f"{DIGEST} or {OTHER}")) as url:
        record = ask("servicenow", "CHG0030192", {"SERVICENOW_URL": url, "SERVICENOW_TOKEN": "sesame"})
    assert set(record.digests) == {str(DIGEST), str(OTHER)}


@pytest.mark.parametrize(("change", "token"), [("CHG0099999", "sesame"), ("CHG0030192", "wrong-token")])
def test_servicenow_says_no(change: str, token: str) -> None:
    with stub(servicenow(str(DIGEST))) as url, pytest.raises(ChangeError) as caught:
        ask("servicenow", change, {"SERVICENOW_URL": url, "SERVICENOW_TOKEN": token})
    assert token not in str(caught.value)


def test_jira() -> None:
    with stub(jira(f"Deploys {DIGEST}")) as url:
        record = ask("jira", "OPS-42", {"JIRA_URL": url, "JIRA_USER": "bot", "JIRA_TOKEN": "sesame"})
    assert (record.state, record.digests) == (ChangeState.OPEN, (str(DIGEST),))
    assert [each.person for each in record.approvals] == ["Ada <ada@bank.example>"]


def test_jira_says_no() -> None:
    with stub(jira(str(DIGEST))) as url, pytest.raises(ChangeError):
        ask("jira", "OPS-43", {"JIRA_URL": url, "JIRA_USER": "bot", "JIRA_TOKEN": "sesame"})


def test_an_address_where_nobody_answers() -> None:
    with pytest.raises(ChangeError, match="no answer"):
        ask("jira", "OPS-42", {"JIRA_URL": "http://127.0.0.1:1", "JIRA_USER": "bot", "JIRA_TOKEN": "sesame"})
