"""Bad input, as a table: the status, the problem type and a helpful detail; never a 500."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.http import build, exchange
from tests.support.service import ADMIN_TOKEN, API_TOKEN, running_service

W = "/api/v1/webhooks"
E = "/api/v1/endpoints"
KNOWN_SHAPE = "wh_01a20c895a3c7000aefd22c59884d29c"


def post(path: str = W, body: bytes = b"", token: str | None = API_TOKEN, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return build("POST", path, body, named, token)


def get(path: str, token: str | None = API_TOKEN) -> bytes:
    return build("GET", path, token=token)


def hook(**fields: object) -> bytes:
    return msgspec.json.encode({"url": "http://127.0.0.1:9/", "payload": 1, **fields})


def to(url: str) -> bytes:
    return hook(url=url)


DEEP = b'{"url":"http://127.0.0.1:9/","payload":' + b"[" * 200_000 + b"]" * 200_000 + b"}"

TABLE = [
    # bodies
    ("no body", post(content_type="application/json"), 400, "malformed-body", "JSON"),
    ("empty object", post(body=b"{}"), 422, "invalid-fields", "payload"),
    ("an array", post(body=b"[]"), 422, "invalid-fields", "object"),
    ("a number", post(body=b"17"), 422, "invalid-fields", "object"),
    ("null", post(body=b"null"), 422, "invalid-fields", "object"),
    ("cut off", post(body=b'{"url":"http'), 400, "malformed-body", "JSON"),
    ("trailing bytes", post(body=hook() + b"x"), 400, "malformed-body", "JSON"),
    ("trailing comma", post(body=b'{"payload":{"a":1,}}'), 400, "malformed-body", "comma"),
    ("single quotes", post(body=b"{'payload':1}"), 400, "malformed-body", "JSON"),
    ("NaN", post(body=b'{"payload":NaN}'), 400, "malformed-body", "JSON"),
    ("Infinity", post(body=b'{"payload":-Infinity}'), 400, "malformed-body", "JSON"),
    ("leading zero", post(body=b'{"payload":01}'), 400, "malformed-body", "number"),
    ("control character", post(body=b'{"payload":"\x01"}'), 400, "malformed-body", "JSON"),
    ("not UTF-8", post(body=b'{"payload":"\xff"}'), 400, "malformed-body", "UTF-8"),
    ("UTF-16", post(body='{"payload":1}'.encode("utf-16")), 400, "malformed-body", "UTF-8"),
    ("byte order mark", post(body=b"\xef\xbb\xbf" + hook()), 400, "malformed-body", "JSON"),
    ("lone surrogate", post(body=b'{"payload":"\\ud800"}'), 400, "malformed-body", "JSON"),
    ("200,000 levels", post(body=DEEP), 400, "malformed-body", "deep"),
    ("over the limit", post(body=hook(payload="x" * 2_000_000)), 413, "body-too-large", "1048576"),
    # duplicates
    ("url twice", post(body=b'{"url":"http://127.0.0.1/","url":"http://127.0.0.1/","payload":1}'),
     422, "invalid-fields", "twice"),
    ("payload twice", post(body=b'{"payload":1,"payload":2,"url":"http://127.0.0.1/"}'), 422,
     "invalid-fields", "twice"),
    ("escaped twin", post(body=b'{"\\u0075rl":"http://127.0.0.1/","url":"http://127.0.0.1/","payload":1}'),
     422, "invalid-fields", "twice"),
    # fields
    ("unknown field", post(body=hook(colour="red")), 422, "invalid-fields", "colour"),
    ("url a number", post(body=hook(url=5)), 422, "invalid-fields", "url"),
    ("no destination", post(body=b'{"payload":1}'), 422, "invalid-fields", "either url or endpointId"),
    ("both destinations", post(body=hook(endpointId="ep_1")), 422, "invalid-fields", "not both"),
    ("unknown endpoint", post(body=b'{"payload":1,"endpointId":"ep_1"}'), 422, "invalid-fields",
     "no such endpoint"),
    ("method FETCH", post(body=hook(method="FETCH")), 422, "invalid-fields", "PATCH"),
    ("method in lower case", post(body=hook(method="post")), 422, "invalid-fields", "POST"),
    ("method null", post(body=hook(method=None)), 422, "invalid-fields", "method"),
    ("headers a list", post(body=hook(headers=[1])), 422, "invalid-fields", "headers"),
    ("header a number", post(body=hook(headers={"x": 1})), 422, "invalid-fields", "headers"),
    ("header Host", post(body=hook(headers={"Host": "x"})), 422, "invalid-fields", "headers.Host"),
    ("header webhook-id", post(body=hook(headers={"Webhook-Id": "x"})), 422, "invalid-fields",
     "leave it out"),
    ("header with CRLF", post(body=hook(headers={"x": "a\r\nb: c"})), 422, "invalid-fields", "control"),
    ("header name with CRLF", post(body=hook(headers={"x\r\ny": "a"})), 422, "invalid-fields", "token"),
    ("long header", post(body=hook(headers={"x": "a" * 5000})), 422, "invalid-fields", "4096"),
    ("33 headers", post(body=hook(headers={f"x-{n}": "a" for n in range(33)})), 422,
     "invalid-fields", "32"),
    ("event type with spaces", post(body=hook(eventType="a b")), 422, "invalid-fields", "invoice.paid"),
    ("event type empty", post(body=hook(eventType="")), 422, "invalid-fields", "eventType"),
    ("deliverAt without offset", post(body=hook(deliverAt="2030-01-01T00:00:00")), 422,
     "invalid-fields", "offset"),
    ("deliverAt no instant", post(body=hook(deliverAt="tomorrow")), 422, "invalid-fields", "RFC 3339"),
    ("deliverAt too far", post(body=hook(deliverAt="2999-01-01T00:00:00Z")), 422, "invalid-fields",
     "30 days"),
    ("timeout 0", post(body=hook(timeoutSeconds=0)), 422, "invalid-fields", "from 1 to 50"),
    ("timeout 51", post(body=hook(timeoutSeconds=51)), 422, "invalid-fields", "from 1 to 50"),
    ("timeout text", post(body=hook(timeoutSeconds="5")), 422, "invalid-fields", "timeoutSeconds"),
    ("key with spaces", post(body=hook(idempotencyKey="a b")), 422, "invalid-fields", "visible"),
    ("key with NUL", post(body=hook(idempotencyKey="a\0b")), 422, "invalid-fields", "visible"),
    ("event type with NUL", post(body=hook(eventType="a\0b")), 422, "invalid-fields", "invoice.paid"),
    ("url with NUL", post(body=to("http://127.0.0.1/\0")), 422, "invalid-fields", "control"),
    ("header with NUL", post(body=hook(headers={"x": "a\0b"})), 422, "invalid-fields", "control"),
    ("key too long", post(body=hook(idempotencyKey="k" * 257)), 422, "invalid-fields", "256"),
    ("empty key header", post(body=hook(), idempotency_key='""'), 422, "invalid-fields", "visible"),
    ("keys that differ", post(body=hook(idempotencyKey="a"), idempotency_key="b"), 422,
     "invalid-fields", "differs"),
    # urls
    ("ftp", post(body=to("ftp://example.com/")), 422, "invalid-fields", "http://"),
    ("relative", post(body=to("/hook")), 422, "invalid-fields", "http://"),
    ("empty url", post(body=to("")), 422, "invalid-fields", "empty"),
    ("userinfo", post(body=to("http://a:b@example.com/")), 422, "invalid-fields", "user information"),
    ("backslash", post(body=to("http://example.com\\@127.0.0.1/")), 422, "invalid-fields", "backslash"),
    ("decimal host", post(body=to("http://2130706433/")), 422, "invalid-fields", "four decimal"),
    ("octal host", post(body=to("http://0177.0.0.1/")), 422, "invalid-fields", "leading zeros"),
    ("hex host", post(body=to("http://0x7f.1/")), 422, "invalid-fields", "numeric host"),
    ("port 0", post(body=to("http://example.com:0/")), 422, "invalid-fields", "65535"),
    ("port 70000", post(body=to("http://example.com:70000/")), 422, "invalid-fields", "65535"),
    ("trailing dot", post(body=to("http://example.com./")), 422, "invalid-fields", "trailing dot"),
    ("newline", post(body=to("http://example.com/\nx")), 422, "invalid-fields", "control"),
    ("fragment", post(body=to("http://example.com/#x")), 422, "invalid-fields", "fragment"),
    ("metadata service", post(body=to("http://169.254.169.254/")), 422, "url-not-allowed", "link-local"),
    ("private address", post(body=to("http://10.0.0.1/")), 422, "url-not-allowed", "private"),
    ("mapped address", post(body=to("http://[::ffff:10.0.0.1]/")), 422, "url-not-allowed", "private"),
    ("unique local", post(body=to("http://[fd00::1]/")), 422, "url-not-allowed", "unique local"),
    # content type, encoding, tokens
    ("no content type", build("POST", W, hook(), {"Content-Type": "-"}), 415,
     "unsupported-media-type", "application/json"),
    ("text/plain", post(body=hook(), Content_Type="text/plain"), 415, "unsupported-media-type",
     "text/plain"),
    ("gzip", post(body=hook(), content_encoding="gzip"), 415, "unsupported-media-type", "compressed"),
    ("no token", post(body=hook(), token=None), 401, "unauthenticated", "Authorization"),
    ("unknown token", post(body=hook(), token="nope"), 401, "unauthenticated", "not known"),
    ("basic", post(body=hook(), Authorization="Basic YTpi"), 401, "unauthenticated", "Bearer"),
    ("empty bearer", post(body=hook(), Authorization="Bearer "), 401, "unauthenticated", "known"),
    ("token with bytes over 127", post(body=hook(), token="\xe4"), 401, "unauthenticated", "known"),
    ("api token for admin", get("/api/v1/admin/stats"), 403, "forbidden", "admin"),
    ("no token for metrics of admin", get("/api/v1/admin/stats", None), 401, "unauthenticated", "send"),
    # ids, cursors, filters
    ("unknown id", get(f"{W}/{KNOWN_SHAPE}"), 404, "not-found", "no such webhook"),
    ("malformed id", get(f"{W}/1"), 404, "not-found", "no such webhook"),
    ("id in upper case", get(f"{W}/{KNOWN_SHAPE.upper()}/status"), 404, "not-found", "no such webhook"),
    ("id with a slash", get(f"{W}/a%2Fb/status"), 404, "not-found", "no"),
    ("attempts of nothing", get(f"{W}/x/attempts"), 404, "not-found", "no such webhook"),
    ("explain nothing", get(f"{W}/x/explain"), 404, "not-found", "no such webhook"),
    ("retry nothing", post(f"{W}/x/retry"), 404, "not-found", "no such webhook"),
    ("cancel nothing", post(f"{W}/{KNOWN_SHAPE}/cancel"), 404, "not-found", "no such webhook"),
    ("force maybe", post(f"{W}/x/retry?force=maybe"), 422, "invalid-fields", "true or false"),
    ("bad cursor", get(f"{W}?cursor=abc"), 422, "invalid-fields", "nextCursor"),
    ("cursor of bytes", get(f"{W}?cursor=%FF%00"), 422, "invalid-fields", "nextCursor"),
    ("limit 0", get(f"{W}?limit=0"), 422, "invalid-fields", "1 to 200"),
    ("limit 201", get(f"{W}?limit=201"), 422, "invalid-fields", "1 to 200"),
    ("limit behind zeros", get(f"{W}?limit=0000000010000"), 422, "invalid-fields", "1 to 200"),
    ("limit of 5,000 digits", get(f"{W}?limit=000000001" + "0" * 5000), 422, "invalid-fields",
     "1 to 200"),
    ("limit of the audit log", get("/api/v1/admin/audit?limit=000000001" + "0" * 5000, ADMIN_TOKEN),
     422, "invalid-fields", "1 to 200"),
    ("limit text", get(f"{W}?limit=ten"), 422, "invalid-fields", "1 to 200"),
    ("status unknown", get(f"{W}?status=lost"), 422, "invalid-fields", "delivered"),
    ("since without offset", get(f"{W}?since=2030-01-01T00:00:00"), 422, "invalid-fields", "offset"),
    ("event type NUL", get(f"{W}?eventType=%00"), 422, "invalid-fields", "eventType: must not contain"),
    ("endpoint id with NUL", get(f"{W}?endpointId=a%00b"), 422, "invalid-fields", "NUL"),
    ("dead letters of NUL", get("/api/v1/admin/dead-letters?eventType=%00", ADMIN_TOKEN), 422,
     "invalid-fields", "NUL"),
    ("unknown parameter", get(f"{W}?page=2"), 422, "invalid-fields", "page"),
    # routes
    ("no such route", get("/api/v1/nothing"), 404, "not-found", "/api/v1/nothing"),
    ("wrong method", build("DELETE", W), 405, "method-not-allowed", "POST"),
    # batches
    ("empty batch", post(f"{W}/batch", b'{"webhooks":[]}'), 422, "invalid-fields", "1 to 1000"),
    ("batch of 1001", post(f"{W}/batch", b'{"webhooks":[' + b"1," * 1000 + b"1]}"), 422,
     "invalid-fields", "1001"),
    ("batch no list", post(f"{W}/batch", b'{"webhooks":1}'), 422, "invalid-fields", "webhooks"),
    # endpoints
    ("endpoint without url", post(E, b'{"name":"x"}'), 422, "invalid-fields", "url"),
    ("endpoint with odd url", post(E, b'{"name":"x","url":"http://127.1/"}'), 422, "invalid-fields",
     "numeric host"),
    ("endpoint without name", post(E, b'{"name":"","url":"http://127.0.0.1/"}'), 422,
     "invalid-fields", "256 characters"),
    ("endpoint rate 0", post(E, b'{"name":"x","url":"http://127.0.0.1/","rateLimitPerSecond":0}'),
     422, "invalid-fields", "rateLimitPerSecond"),
    ("endpoint cap 0", post(E, b'{"name":"x","url":"http://127.0.0.1/","maxInFlight":0}'), 422,
     "invalid-fields", "maxInFlight"),
    ("endpoint schedule", post(E, b'{"name":"x","url":"http://127.0.0.1/","retryScheduleSeconds":[-1]}'),
     422, "invalid-fields", "retryScheduleSeconds"),
    ("endpoint algorithm", post(E, b'{"name":"x","url":"http://127.0.0.1/","algorithm":"md5"}'), 422,
     "invalid-fields", "algorithm"),
    ("endpoint secret", post(E, b'{"name":"x","url":"http://127.0.0.1/","secretKey":"whsec_!"}'), 422,
     "invalid-fields", "base64"),
    ("endpoint ed25519 secret", post(E, b'{"name":"x","url":"http://127.0.0.1/","secretKey":"short",'
     b'"algorithm":"ed25519"}'), 422, "invalid-fields", "whsk_"),
    ("endpoint event type", post(E, b'{"name":"x","url":"http://127.0.0.1/","eventTypes":["a..b"]}'),
     422, "invalid-fields", "eventTypes[0]"),
    ("endpoint long name", post(E, b'{"name":"' + b"n" * 257 + b'","url":"http://127.0.0.1/"}'), 422,
     "invalid-fields", "256"),
    ("endpoint name with NUL", post(E, b'{"name":"a\\u0000","url":"http://127.0.0.1/"}'), 422,
     "invalid-fields", "name: must not contain"),
    ("endpoint metadata with NUL", post(E, b'{"name":"x","url":"http://127.0.0.1/","metadata":{"k":"\\u0000"}}'),
     422, "invalid-fields", "metadata: must not contain"),
    ("patch unknown endpoint", build("PATCH", f"{E}/ep_1", b"{}"), 404, "not-found", "no such endpoint"),
    ("delete unknown endpoint", build("DELETE", f"{E}/ep_1"), 404, "not-found", "no such endpoint"),
    ("test unknown endpoint", post(f"{E}/ep_1/test"), 404, "not-found", "no such endpoint"),
]  # fmt: skip


@pytest.mark.parametrize("express", [True, False], ids=["express", "falcon"])
async def test_bad_input_is_answered_with_what_would_be_right(
    tmp_path: Path, express: bool
) -> None:
    wrong = []
    async with running_service(tmp_path, express=express) as service:
        for name, request, status, slug, detail in TABLE:
            (answer,) = await exchange(service.url, request)
            problem = msgspec.json.decode(answer.body)
            expected = (status, f"/problems/{slug}", "application/problem+json")
            got = (answer.status, problem["type"], answer.headers["content-type"])
            if got != expected or detail not in problem["detail"] or problem["status"] != status:
                wrong.append((name, got, problem))
        counts = await service.engine.counts()
    assert wrong == []
    assert counts.backlog == 0


def test_the_table_is_long_enough_and_names_are_unique() -> None:
    assert len(TABLE) >= 100
    assert len({row[0] for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n\r\n" + b"\x00",
        b"NONSENSE\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        b"POST /api/v1/webhooks HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nhello",
        b"POST /api/v1/webhooks HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /api/v1/webhooks HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /api/v1/webhooks HTTP/1.1\r\nx y: z\r\n\r\n",
    ],
)
async def test_a_broken_request_ends_its_connection_and_nothing_else(
    tmp_path: Path, raw: bytes
) -> None:
    async with running_service(tmp_path) as service:
        try:
            answers = await exchange(service.url, raw, half_close=True)
            assert all(400 <= answer.status < 500 for answer in answers)
        except (ConnectionError, EOFError):
            pass
        (alive,) = await exchange(service.url, get("/healthz", None))
        assert alive.status == 200
        (admin,) = await exchange(service.url, get("/api/v1/admin/queue/depth", ADMIN_TOKEN))
        assert admin.json["backlog"] == 0
