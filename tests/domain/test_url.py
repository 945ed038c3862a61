from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureshot.domain.url import parse_url

GOOD = [
    ("http://example.com", "example.com", 80, "/", "example.com"),
    ("https://example.com/hook", "example.com", 443, "/hook", "example.com"),
    ("HTTPS://Example.COM/Hook?a=b", "example.com", 443, "/Hook?a=b", "example.com"),
    ("http://example.com:8080?x=1", "example.com", 8080, "/?x=1", "example.com:8080"),
    ("http://192.0.2.1:80/", "192.0.2.1", 80, "/", "192.0.2.1"),
    ("http://[2001:DB8::1]:9/x", "2001:db8::1", 9, "/x", "[2001:db8::1]:9"),
    ("https://b\u00fccher.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
    ("http://a_b.internal/%41", "a_b.internal", 80, "/%41", "a_b.internal"),
]

TRICKS = [
    "",
    "example.com",
    "//example.com",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "gopher://127.0.0.1:70/",
    "http:example.com",
    "http:/example.com",
    "http:///path",
    "http://",
    "http://:80/",
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com\\.evil.com/",
    "http:\\\\example.com\\",
    "http://exa mple.com/",
    " http://example.com/",
    "http://example.com/ ",
    "http://example.com/a b",
    "http://127.0.0.1\t.example.com/",
    "http://example.com\r\nhost: evil/",
    "http://example.com/\r\nx: y",
    "http://example.com/\x00",
    "http://example.com/\x7f",
    "http://example.com#fragment",
    "http://example.com/#@evil.com/",
    "http://127.0.0.1#@example.com/",
    "http://example.com:/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:99999999999/",
    "http://example.com:-1/",
    "http://example.com:+80/",
    "http://example.com:8 0/",
    "http://example.com:80a/",
    "http://example.com:\u0661/",
    "http://example.com:80:80/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0/",
    "http://127.0.0.1.1/",
    "http://127.0.0.01/",
    "http://127.0.0.256/",
    "http://1.2.3/",
    "http://0x/",
    "http://169.254.43518/",
    "http://0251.0376.0251.0376/",
    "http://\u2460\u2461\u2466.0.0.1/",
    "http://127\u30020\u30020\u30021/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://ex\u00adample.com/",
    "http://example\uff0ecom/",
    "http://\u200bexample.com/",
    "http://example.com./",
    "http://127.0.0.1./",
    "http://.example.com/",
    "http://example..com/",
    "http://-example.com/",
    "http://example-.com/",
    "http://ex%61mple.com/",
    "http://127.0.0.1%2f@example.com/",
    "http://exa$mple.com/",
    "http://exa'mple.com/",
    "http://exa,mple.com/",
    "http://exa;mple.com/",
    "http://exa(mple.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 130 + "com/",
    "http://xn--a/",
    "http://xn--0000h/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]evil.com/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::1]:/",
    "http://[:::1]/",
    "http://[1.2.3.4]/",
    "http://[]/",
    "http://[v1.fe80]/",
    "http://example.com/%",
    "http://example.com/%2",
    "http://example.com/%zz",
    "http://example.com/p\u00e4th",
    "http://example.com/?q=\u00e4",
    'http://example.com/"',
    "http://example.com/<script>",
    "http://example.com/`x`",
    "http://example.com/{x}",
    "http://example.com/|",
    "http://example.com/^",
    "http://example.com/" + "a" * 2048,
]


@pytest.mark.parametrize(("text", "host", "port", "path", "authority"), GOOD)
def test_a_plain_url_is_understood(
    text: str, host: str, port: int, path: str, authority: str
) -> None:
    target = parse_url(text)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == authority
    assert target.origin.endswith(f":{port}")


@pytest.mark.parametrize("text", TRICKS)
def test_an_odd_spelling_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+") as refusal:
        parse_url(text)
    assert len(str(refusal.value)) > 10


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_and_nothing_else(text: str) -> None:
    try:
        target = parse_url("http://" + text)
    except ValueError:
        return
    assert target.host.isascii()
    assert not set(target.host + target.path) & set(" \r\n\t\\\x00")


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,10}[a-z0-9](\.[a-z][a-z0-9]{0,5})?", fullmatch=True),
    st.integers(1, 65535),
)
def test_parsing_the_canonical_form_again_changes_nothing(host: str, port: int) -> None:
    if host.startswith("xn--"):
        return
    once = parse_url(f"http://{host}:{port}/x?y=1")
    assert parse_url(f"{once.scheme}://{once.authority}{once.path}") == once
