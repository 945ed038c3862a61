"""The plan asks for what is promised, and says so."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from sureshot_lab.targets import load_targets
from tests.jmeter.plan import README, properties, receiver, texts, tree
from tests.support.http import call, wait_for_status
from tests.support.service import API_TOKEN, running_service


def body(sink: str) -> bytes:
    """Return the body of a submission as JMeter would send it."""
    (template,) = (one for one in texts("Argument.value") if one.startswith("{"))
    values = {
        "${sink}": sink,
        "${__UUID}": str(uuid.uuid4()),
        "${__time()}": "1767225600000",
        "${__Random(10,1000)}": "10",
    }
    for name, value in values.items():
        assert name in template
        template = template.replace(name, value)
    assert "${" not in template
    return template.encode()


def test_every_property_is_documented_with_its_default_and_the_other_way_round() -> None:
    rows = re.findall(r"^\| `-J(\w+)` \| (?:`([^`]*)`)? ?\|", README.read_text(), re.MULTILINE)
    assert dict(rows) == properties()


def test_the_rate_is_the_promised_one_and_is_shared_by_all_threads() -> None:
    promised = next(one.limit for one in load_targets().target if one.name == "throughput")
    assert float(properties()["rate"]) == promised
    (timer,) = tree().iter("ConstantThroughputTimer")
    found = {one.get("name"): one.text for one in timer}
    assert found == {"throughput": "${__P(rate,10000)}", "calcMode": "3"}
    # By Little's law so many are under way when each takes a second.
    assert float(properties()["threads"]) >= promised / 60


def test_nothing_leaves_this_machine_unless_it_is_told_to() -> None:
    for name in ("url", "sink"):
        assert properties()[name].startswith("http://127.0.0.1:")


def test_an_answer_must_be_202_and_name_the_webhook() -> None:
    asserted = {
        (one.findtext("stringProp[@name='Assertion.test_field']"), one.findtext("collectionProp/*"))
        for one in tree().iter("ResponseAssertion")
    }
    assert asserted == {
        ("Assertion.response_code", "202"),
        ("Assertion.response_data", '"id":"wh_'),
    }


async def test_the_service_takes_what_the_plan_sends_and_delivers_it(tmp_path: Path) -> None:
    headers = dict(zip(texts("Header.name"), texts("Header.value"), strict=True))
    headers["Authorization"] = headers["Authorization"].replace("${token}", API_TOKEN)
    (path,) = (one.removeprefix("${url}") for one in texts("HTTPSampler.path"))
    async with receiver() as (target, received), running_service(tmp_path) as service:
        answers = [
            await call(service.url, "POST", path, body=body(target), headers=headers)
            for _ in range(2)
        ]
        for answer in answers:
            assert answer.status == 202
            assert b'"id":"wh_' in answer.body, "what the plan's assertion looks for"
            await wait_for_status(service.url, answer.json["id"], "delivered")
    assert received == [answer.json["id"] for answer in answers]


def test_each_submission_has_an_id_of_its_own() -> None:
    (template,) = (one for one in texts("Argument.value") if one.startswith("{"))
    assert '"id": "${__UUID}"' in template
