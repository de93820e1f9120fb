"""A hostile or broken provider, redirect and tracking server: what the tables of test_id_token.py, test_failures.py, test_sign_in.py,
test_calls.py and test_outage.py leave open. Each row is refused, or survived, for the right reason and in bounded time, with an error of
one line that has nothing secret in it (world.check_promises) and no control character."""
import contextlib
import dataclasses
import gzip
import json
import os
import socket
import ssl
import sys
import threading
import urllib.parse

import jose
import pytest
import server as tracking
from provider import DROP
from scripted import Answer
from stack.process import free_port
from test_id_token import (ANOTHER, BAD_LENGTH, BAD_SIGNATURE, BASE64, CRIT, ESCAPES, NO_EXP, NO_KEY, NOT_VISIBLE, PAYLOAD, REPLY_NOT_JSON, TOO_LARGE, TWICE,
                           Row, duplicate, test_a_wrong_id_token_is_refused as refuse_id_token)
from test_sign_in import port_of, waiting
from tls import Authority
from tunnel import ForwardProxy
from world import SOON_S


def one_line(outcome, *mentions, code=None):
    """The error of `outcome`: short, of one line, clean, soon."""
    text = outcome.failed(code, *mentions)
    own = text.split("failed with exception")[-1].strip()
    assert "\n" not in own and len(own) < 1500, own
    assert not [c for c in own if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029\u202e"], repr(own)
    assert outcome.seconds < SOON_S
    return own


ENDLESS, DEEP, NOT_JSON = "is larger than 1048576 bytes", "is nested deeper than 64 levels", "is not JSON ("
DISCOVERY = "[%s/.well-known/openid-configuration]"
OTHER_CHARACTERS = "is not a string of visible characters"


# --- ID tokens ---
def key_of(change):
    """The published keys, each changed."""
    return lambda p: p.alter("jwks", lambda document: [change(key) for key in document["keys"]] and None)


def header_twice(token):
    """The header with `alg` twice, signed as it stands."""
    header, payload, _ = token.split(".")
    doubled = jose.b64(jose.unb64(header).replace(b"{", b'{"alg":"none",', 1))
    return f"{doubled}.{payload}.{jose.b64(jose.Key('RS256').sign(f'{doubled}.{payload}'.encode()))}"


def es512(p):
    p.keys = [jose.Key("ES512")]


ID_TOKENS = [
    Row("nul-in-the-token", REPLY_NOT_JSON, set={"token": lambda t: t + "\0" + t}),
    Row("nul-at-the-end", REPLY_NOT_JSON, set={"token": lambda t: t + "\0"}),
    Row("new-line-in-the-token", NOT_VISIBLE, set={"token": lambda t: t.replace(".", ".\r\n", 1)}),
    Row("padded-signature", BASE64, set={"token": lambda t: t + "=="}),
    Row("stray-bits-at-the-end", BASE64, set={"token": lambda t: t[:-1] + chr(ord(t[-1]) + 1)}),
    Row("header-twice-alg", TWICE, set={"token": header_twice}),
    Row("duplicate-iss", TWICE, set={"payload": duplicate("iss", ANOTHER)}),
    Row("duplicate-exp", TWICE, set={"payload": duplicate("exp", 9999999999)}),
    Row("duplicate-sub", TWICE, set={"payload": duplicate("sub", "mallory")}),
    Row("sub-with-nul", PAYLOAD, claims={"sub": "alice\0mallory"}),
    Row("sub-of-256-characters", "has a subject (sub) of more than 255 bytes", claims={"sub": "a" * 256}),
    Row("azp-with-nul", PAYLOAD, claims={"azp": "app\0"}),
    Row("exp-beyond-64-bits", PAYLOAD, set={"payload": lambda c: json.dumps({**c, "exp": 10**400}).encode()}),
    Row("exp-of-20-digits", NO_EXP, set={"payload": lambda c: json.dumps({**c, "exp": 2**64 + 10}).encode()}),
    Row("exp-infinite", PAYLOAD, set={"payload": lambda c: b'{"exp": 1e999, "iss": "x"}'}),
    Row("iat-negative-infinite", PAYLOAD, set={"payload": lambda c: b'{"iat": -1e999}'}),
    Row("crit-with-a-known-name", CRIT, header={"crit": ["alg"]}),
    Row("crit-of-another-type", CRIT, header={"crit": "x"}),
    Row("kid-of-another-type", "names its key by something that is no string (kid", header={"kid": 1}),
    Row("kid-of-a-path", NO_KEY, header={"kid": "../../etc/passwd"}),
    Row("x5u-in-the-header", NO_KEY, header={"x5u": ANOTHER, "kid": "x"}),
    Row("zip-bomb-header", TOO_LARGE, header={"zip": "DEF", "x": "y" * 200_000}),
    Row("es512-all-ones", BAD_SIGNATURE, prepare=es512, set={"sign": lambda data: b"\xff" * 132}),
    Row("es512-of-p256-length", BAD_LENGTH, prepare=es512, set={"sign": lambda data: b"\x01" * 64}),
    Row("rsa-signature-short", BAD_LENGTH, set={"sign": lambda data: b"\x01" * 255}),
    Row("rsa-signature-long", BAD_LENGTH, set={"sign": lambda data: b"\x01" * 4096}),
    Row("rsa-exponent-1", NO_KEY, prepare=key_of(lambda key: key.update(e="AQ"))),
    Row("rsa-exponent-even", NO_KEY, prepare=key_of(lambda key: key.update(e="Ag"))),
    Row("rsa-modulus-zero", NO_KEY, prepare=key_of(lambda key: key.update(n="AAAA"))),
    Row("rsa-modulus-of-16384-bits", BAD_LENGTH, prepare=key_of(lambda key: key.update(n=jose.b64(b"\xff" * 2048)))),
    Row("rsa-modulus-padded", NO_KEY, prepare=key_of(lambda key: key.update(n=key["n"] + "="))),
    Row("key-ops-without-verify", NO_KEY, prepare=key_of(lambda key: (key.pop("use"), key.update(key_ops=["encrypt"])))),
    Row("keys-with-one-kid-and-none-right", BAD_SIGNATURE, prepare=lambda p: p.replace("jwks", json={"keys": [
        jose.Key("RS256", label=name, kid=p.keys[0].kid).jwk for name in ("intruder", "second")]})),
]


@pytest.mark.parametrize("row", ID_TOKENS, ids=lambda row: row.name)
def test_another_wrong_id_token_is_refused(world, row):
    refuse_id_token(world, row)


@pytest.mark.parametrize("fault", ["endless", "100,000 deep", "huge", "truncated", "cut", "redirected", "duplicate keys", "html"])
def test_a_jwks_that_is_hostile_is_refused(world, fault):
    other = world.new_provider()
    answers = {
        "endless": (ENDLESS, dict(body=b" " * 65536, endless=True)),
        "100,000 deep": (DEEP, dict(body=b'{"keys":' + b"[" * 100_000)),
        "huge": (ENDLESS, dict(body=b'{"keys":[' + b"{}," * 500_000 + b"{}]}")),
        "truncated": (NOT_JSON, dict(body=b'{"keys":[{"kty":"RSA"')),
        "cut": ("is not reached: ", dict(body=b'{"keys":[]}' + b" " * 5000, cut=110)),
        "redirected": ("is redirected elsewhere (HTTP status 302)", dict(status=302, headers=[("Location", f"{other.issuer}/jwks")])),
        "duplicate keys": ("a key stands twice", dict(body=b'{"keys":[],"keys":[]}')),
        "html": (NOT_JSON, dict(body=b"<html>\x1b[31m", headers=[("Content-Type", "text/html")])),
    }
    reason, answer = answers[fault]
    world.person()
    world.provider.replace("jwks", **answer)
    one_line(world.run("search()"), f"[{world.provider.issuer}/jwks]", reason, code="network" if fault == "cut" else "protocol")
    assert world.server.requests == [] and other.requests == []


# --- metadata ---
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
URLS = ["http://evil.example.com/x", "file:///etc/passwd", "javascript:alert(1)", "ftp://evil.example.com/", "//evil.example.com/x", "",
        "https://", "https://user:password@evil.example.com/", "https://evil.example.com/\r\nX-Evil: 1", "https://evil.example.com/\0x",
        "https://evil.example.com/#fragment", 7, None, ["https://evil.example.com"]]


@pytest.mark.parametrize("url", URLS, ids=repr)
@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_that_is_no_proper_https_uri_is_refused(world, name, url):
    world.person()
    world.provider.metadata[name] = url
    outcome = world.run("search()")
    reason = ("is not https: " if url == URLS[0] else NOT_JSON if "\0" in str(url) else f"names no {name}" if url is None
              else f"{name} in the provider's metadata is no proper https URI")
    one_line(outcome, reason, world.provider.issuer, code="protocol")
    assert NOT_JSON == reason or name in outcome.error["what"]
    assert world.provider.count("authorize") == 0, "nobody is troubled in vain"
    assert world.provider.count("token") == 0
    assert world.server.requests == [] and world.cache_files_hold_no_token()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks", "revoke"])
def test_a_redirect_is_followed_nowhere(world, endpoint, status):
    """Whether to http, to another host or with credentials: nothing that we send goes on, least of all a code or a secret."""
    other = world.new_provider()
    world.person()
    if endpoint == "revoke":
        with world.process() as process:
            process.do("token()").ok()
            world.provider.replace("revoke", status, headers=[("Location", other.issuer + "/revoke")])
            process.do("logout()").ok()
    else:
        location = other.issuer.replace("://", "://user:password@") + "/" + endpoint
        world.provider.replace(endpoint, status, headers=[("Location", location)])
        text = one_line(world.run("search()"), world.provider.issuer, f"(HTTP status {status}), which is not followed" if endpoint != "token"
                        else f"HTTP status {status}, a redirect, which is not followed with credentials", code=("protocol", "provider"))
        assert "password" not in text
    assert other.requests == [] and world.server.requests == []


@pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks"])
def test_a_redirect_from_https_to_http_is_not_followed(world, endpoint):
    other = world.new_provider()
    world.use_tls_provider()
    world.person()
    world.provider.replace(endpoint, 307, headers=[("Location", f"{other.issuer}/{endpoint}")])
    one_line(world.run("search()"), "HTTP status 307", "which is not followed", code=("protocol", "provider"))
    assert other.requests == [] and world.server.requests == []


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_at_http_on_loopback_is_for_issuers_at_http_on_loopback(world, name):
    other = world.new_provider()
    world.use_tls_provider()
    world.person()
    world.provider.metadata[name] = f"{other.issuer}/x"
    one_line(world.run("search()"), f"{name} in the provider's metadata is not https: ", code="protocol")
    assert other.requests == [] and world.provider.count("authorize") == world.provider.count("token") == 0


def test_the_rfc_8414_path_is_no_way_round_the_issuer_check(world):
    world.robot()
    world.provider.replace("discovery", 404)
    world.provider.alter("oauth_discovery", lambda document: document.update(issuer=ANOTHER))
    one_line(world.run("search()"), "issuer", ANOTHER, code=("protocol", "configuration"))
    assert world.provider.count("token") == 0


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream", "", "application/json; charset=utf-16", "\x01\x02"])
def test_json_of_a_wrong_content_type_is_judged_by_what_it_is(world, kind):
    """Providers label wrongly; nothing is done by the label but to name it in errors."""
    world.person()
    for endpoint in ("discovery", "jwks", "token"):
        world.provider.fault(endpoint, lambda request, normal: dataclasses.replace(normal(), headers=[("Content-Type", kind)]))
    assert world.run("search()").ok() == ["Default"]


@pytest.mark.parametrize("name", ["issuer", "token_endpoint"])
def test_metadata_with_terminal_escapes_comes_out_clean(world, name):
    world.robot()
    world.provider.metadata[name] = "http://evil.example.com/" + ESCAPES
    one_line(world.run("search()"), name, code="protocol")


def test_a_content_type_with_escapes_comes_out_clean(world):
    world.robot()
    world.provider.replace("token", body=b"<html>", headers=[("Content-Type", "text/\x1b[31mhtml\x9b2J" + "x" * 5000)])
    one_line(world.run("search()"), f"{world.provider.issuer}/token", code="protocol")


@pytest.mark.parametrize("body", [b"\xff\xfe{\0}\0", b"\xef\xbb\xbf", b'{"issuer":"\xff"}', b'{"issuer":"a\\u0000b"}', b'{"a":"\\ud800"}',
                                  b"{'issuer': 1}", b"nan", b'{"issuer":1e999999}', b'{"a":' * 2000 + b"1" + b"}" * 2000, b"null", b'"x"',
                                  b'{"issuer":"x"} trailing'], ids=lambda body: repr(body)[:30])
def test_metadata_that_is_no_proper_json_object_is_refused(world, body):
    world.robot()
    world.provider.replace("discovery", body=body)
    one_line(world.run("search()"), DEEP if body.startswith(b'{"a":{') else NOT_JSON, DISCOVERY % world.provider.issuer, code="protocol")
    assert world.provider.count("token") == 0


def test_answers_that_begin_with_a_byte_order_mark_are_taken(world):
    """RFC 8259 §8.1 lets who reads pass over it: Windows writes it, and so may a file that serves as metadata."""
    def marked(request, normal):
        answer = normal()
        return dataclasses.replace(answer, body=b"\xef\xbb\xbf" + answer.body)

    for endpoint in ("discovery", "jwks", "token"):
        world.provider.fault(endpoint, marked)
    world.person()
    world.run("search()").ok()


# --- the token endpoint ---
@pytest.mark.parametrize("field", ["access_token", "refresh_token", "id_token"])
@pytest.mark.parametrize("value", ["abcdefgh\r\nX-Evil: 1", "abcdefgh\0ijkl", "abc defgh", "abcdefgh\x7f", "töken", "\u202eabcdefgh", "", 12345678,
                                   {"a": 1}, True, "x" * 2_000_000], ids=lambda value: repr(value)[:20])
def test_a_token_of_other_characters_or_another_kind_is_refused(world, field, value):
    world.person()
    world.provider.token_fields[field] = value
    outcome = world.run("search()")
    if value == "" and field != "access_token":
        outcome.ok() if field == "refresh_token" else outcome.failed("protocol", "no ID token")
        return  # some write it for none
    reason = (ENDLESS if len(str(value)) > 1_000_000 else NOT_JSON if "\0" in str(value)
              else "holds no access_token" if value is None else f"{field} {OTHER_CHARACTERS}")
    one_line(outcome, reason, f"[{world.provider.issuer}/token]", code="protocol")
    assert world.server.requests == [] and world.cache_files_hold_no_token()


def test_an_access_token_of_bad_utf_8_is_refused(world):
    world.robot()
    world.provider.replace("token", body=b'{"access_token":"abcd\xff\xfeefgh","token_type":"Bearer","expires_in":300}')
    one_line(world.run("search()"), NOT_JSON, f"[{world.provider.issuer}/token]", code="protocol")
    assert world.server.requests == []


@pytest.mark.parametrize("body, reason", [
    (b'{"access_token":"good-token-1","access_token":"good-token-2","token_type":"Bearer"}', "a key stands twice"),
    (b'{"access_token":"good-token-1","token_type":"Bearer"}{}', NOT_JSON),
    (b'[{"access_token":"good-token-1","token_type":"Bearer"}]', "is not a JSON object"),
    (b'{"access_token":"good-token-1\0","token_type":"Bearer"}', "it holds a NUL byte"),
    (b'{"access_token":"good-token-1","token_type":"Bearer"}\0', "it holds a NUL byte"),
    (b"access_token=good-token-1&token_type=Bearer", NOT_JSON), (b"", NOT_JSON), (b"null", NOT_JSON),
], ids=lambda part: repr(part)[:40])
def test_a_token_reply_of_another_form_is_refused(world, body, reason):
    world.robot()
    world.provider.replace("token", body=body)
    text = one_line(world.run("search()"), reason, f"[{world.provider.issuer}/token]", code="protocol")
    assert "good-token" not in text and world.server.requests == []


@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_error_of_the_token_endpoint_without_end_is_given_up(world, status):
    world.robot()
    world.provider.replace("token", status, body=b'{"error":"invalid_client",' + b" " * 65536, endless=True)
    one_line(world.run("search()"), ENDLESS, f"[{world.provider.issuer}/token]", code="protocol")
    assert world.provider.count("token") == 1


SWELLING = {
    "endless": dict(body=b" " * 65536, endless=True), "endless error": dict(status=400, body=b'{"error":"' + b"x" * 65536, endless=True),
    "endless head": dict(headers=[(f"X-{i}", "y" * 8000) for i in range(90)]), "deep": dict(body=b'{"a":' * 170_000),
    "objects": dict(body=b'{"a":[' + b"{}," * 345_000 + b"{}]}"), "arrays": dict(body=b'{"a":[' + b"[]," * 345_000 + b"[]]}"),
    "members": dict(body=b"{" + b",".join(b'"%x":{}' % i for i in range(80_000)) + b"}"),
    "a string": dict(body=b'{"access_token":"' + b"x" * 1_000_000 + b'"}'),
}


@pytest.mark.skipif(sys.platform != "linux" or "MOIDC_TEST_SANITIZER" in os.environ, reason="memory is looked for in /proc")
def test_answers_that_swell_take_little_memory(world):
    """Each is refused, and at no time took more than some MiB."""
    world.robot()

    def most_kib():
        with open(f"/proc/{process.pid}/status") as status:
            return int(next(line.split()[1] for line in status if line.startswith("VmHWM")))

    with world.process() as process:
        process.do("search(), attempt(login)").ok()
        for name, answer in SWELLING.items():
            before = most_kib()
            world.provider.replace("token", **answer)
            one_line(process.do("login()"), f"[{world.provider.issuer}/token]", code=("protocol", "provider"))
            world.provider.heal()
            assert most_kib() - before < 24 * 1024, name
        before = most_kib()
        world.server.fault("*", lambda request, normal: Answer(401, [], b"x" * 65536, endless=True))
        one_line(process.do("search()"), world.server.uri)
        assert most_kib() - before < 24 * 1024


@pytest.mark.parametrize("kind", [None, 7, "", "DPoP", "Bearer\r\n", "Bearer ", "N_A", ["Bearer"]], ids=repr)
def test_a_token_type_other_than_bearer_is_refused(world, kind):
    world.robot()
    world.provider.token_fields["token_type"] = kind
    reason = f'token is of type "{kind.strip()}' if kind and isinstance(kind, str) else "names no token_type, which has to be Bearer"
    one_line(world.run("search()"), reason, f"[{world.provider.issuer}/token]", code="protocol")
    assert world.server.requests == []


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize("endpoint", ["discovery", "token"])
def test_500_then_200_is_survived_within_the_call(world, endpoint, status):
    world.robot()
    world.provider.replace(endpoint, status, body=b"<h1>oops", times=1)
    outcome = world.run("search()")
    assert outcome.ok() == ["Default"] and outcome.seconds < SOON_S and world.provider.count(endpoint) == 2


def test_a_code_that_met_a_500_is_not_sent_again(world):
    """RFC 6749 §4.1.2: it may have been used up, and twice would revoke what it brought."""
    world.person()
    world.provider.replace("token", 500, body=b"<h1>oops", times=1)
    one_line(world.run("search()"), "answered the sign-in with HTTP status 500", f"[{world.provider.issuer}/token]", code="provider")
    assert world.provider.count("token") == 1 and world.server.requests == []


def test_a_short_retry_after_is_waited_for_within_the_call(world):
    world.robot()
    world.provider.replace("token", 429, body=b"slow down", headers=[("Retry-After", "1")], times=1)
    outcome = world.run("search()")
    assert outcome.ok() == ["Default"] and 1 <= outcome.seconds < SOON_S and world.provider.count("token") == 2


@pytest.mark.parametrize("value", ["3600", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"])
def test_a_long_retry_after_is_kept_for_a_minute_and_no_longer(world, value):
    """No call waits for it, none asks before, and whoever says "come back in a year" locks nobody out."""
    world.robot()
    world.provider.replace("token", 429, body=b"slow down", headers=[("Retry-After", value)])
    with world.process() as process:
        for seconds in (0, 25, 20):
            world.advance(seconds)
            assert process.do("attempt(search)").seconds < SOON_S
            assert world.provider.count("token") == 1
        world.provider.heal()
        world.advance(17)
        assert process.do("search()").ok() == ["Default"]


@pytest.mark.parametrize("value", ["0", "-5", "99999999999999999999", "soon", "1.5", "Thu, 01 Jan 1970 00:00:00 GMT", "1\x1b[2J", "", "1, 2"])
def test_a_retry_after_that_says_nothing_is_none(world, value):
    world.robot()
    world.provider.replace("token", 429, body=b"slow down", headers=[("Retry-After", value)], times=1)
    outcome = world.run("search()")
    assert outcome.ok() == ["Default"] and outcome.seconds < SOON_S and world.provider.count("token") == 2


@pytest.mark.parametrize("where", ["interim", "trailers"])
def test_what_is_no_header_of_the_answer_is_not_taken_for_one(world, where):
    """RFC 9110 §6.5.1, §15.2: with a Retry-After of an hour nothing would be asked again within the call."""
    world.robot()
    world.provider.replace("token", 503, body=b"busy", times=1, **{where: [("Retry-After", "3600")]})
    assert world.run("search()").ok() == ["Default"] and world.provider.count("token") == 2


def test_an_answer_with_interim_answers_and_trailers_is_taken(world):
    world.person()
    for endpoint in ("discovery", "jwks", "token"):
        world.provider.effect(endpoint, interim=[("Link", "</style.css>; rel=preload")], trailers=[("X-Sum", "1")])
    assert world.run("search()").ok() == ["Default"]


def test_answers_are_asked_for_as_they_are(world):
    """RFC 9110 §12.5.3: a provider may compress what it sends to whoever does not say otherwise."""

    def compressed(request, normal):
        answer = normal()
        if request.header("Accept-Encoding") == "identity":
            return answer
        return dataclasses.replace(answer, headers=[*answer.headers, ("Content-Encoding", "gzip")], body=gzip.compress(answer.body))

    world.robot()
    world.provider.fault("*", compressed)
    assert world.run("search()").ok() == ["Default"]


def test_a_key_set_may_come_as_its_own_media_type(world):
    """RFC 7517 §8.5.2; a provider may refuse whoever does not take that (RFC 9110 §15.5.7)."""
    kind = "application/jwk-set+json"

    def strict(request, normal):
        return dataclasses.replace(normal(), headers=[("Content-Type", kind)]) if kind in request.header("Accept") else Answer(406)

    world.person()
    world.provider.fault("jwks", strict)
    assert world.run("search()").ok() == ["Default"]


def test_cookies_of_the_provider_are_not_sent_back(world):
    """Nor kept: whoever asks is known by what the standards name."""
    world.person()
    cookies = [("Set-Cookie", "session=1; Path=/"), ("Content-Type", "application/json")]
    for endpoint in ("discovery", "jwks", "token"):
        world.provider.effect(endpoint, headers=cookies)
    with world.process() as process:
        process.do("search()").ok()
        world.advance(301)
        process.do("search()").ok()
    ours = [request for request in world.provider.requests if request.endpoint != "authorize"]
    assert len(ours) >= 4 and not [request for request in ours if request.header("Cookie") is not None]


@pytest.mark.parametrize("endpoint", ["discovery", "token"])
def test_headers_without_end_are_given_up(world, endpoint):
    world.robot()
    many = [(f"X-Filler-{i}", "y" * 8000) for i in range(20)]  # more than 64 KiB, and less than libcurl's own limit
    world.provider.fault(endpoint, lambda request, normal: dataclasses.replace(normal(), headers=[*normal().headers, *many]))
    one_line(world.run("search()"), "is larger than ", world.provider.issuer, code="protocol")


def test_no_cookie_of_the_provider_is_kept_or_sent(world):
    world.person()
    world.provider.fault("*", lambda request, normal: dataclasses.replace(
        normal(), headers=[*normal().headers, ("Set-Cookie", "track=me; Path=/")]))
    with world.process() as process:
        process.do("token()").ok()
        world.advance(301)
        process.do("token()").ok()
    for endpoint in ("discovery", "jwks", "token"):
        assert all(request.header("Cookie") is None for request in world.provider.received(endpoint))


@pytest.mark.parametrize("who", ["robot", "person"])
def test_a_secret_that_the_provider_says_back_does_not_stand_in_the_error(world, who):
    """"Unknown refresh token ..." and "wrong secret ...": world.check_promises greps for what stands in these."""
    getattr(world, who)()

    def echo(request, normal):
        said = " ".join(value for name, value in request.form.items() if name in ("client_secret", "code", "refresh_token", "code_verifier"))
        return Answer.of_json({"error": "something_new", "error_description": f"refused: {said} " * 3}, 400)

    if who == "robot":
        world.provider.auth_methods = ["client_secret_post"]
    with world.process() as process:
        world.provider.fault("token", echo)
        assert "***" in one_line(process.do("token()"), "something_new", code="provider")
        if who == "person":
            world.provider.heal()
            process.do("login()").ok()
            world.advance(301)
            world.env["CI"] = "true"
            world.provider.fault("token", echo)
            text = one_line(process.do("token()"), code=("provider", "login_required", "timeout"))
            assert all(r.form.get("refresh_token", "none such") not in text for r in world.token_requests("refresh_token"))


@pytest.mark.parametrize("device", [False, True], ids=["token", "device"])
def test_a_header_that_the_provider_says_back_does_not_stand_in_the_error(world, device):
    """The client secret is in it, in base64 (RFC 7617)."""
    world.provider.auth_methods = ["client_secret_basic"]
    if device:
        world.provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
        world.robot(interactive=True, flow="device")
    else:
        world.robot()

    def echo(request, normal):
        said = request.header("Authorization", "none")
        return Answer.of_json({"error": said[:100], "error_description": f"invalid header: {said}, {said[6:]}, {said[9:30]}"}, 400)

    world.provider.fault("device" if device else "token", echo)
    text = one_line(world.run("token()"), "***", code="provider")
    said = world.provider.last("device" if device else "token").header("Authorization")
    assert said and not [i for i in range(6, len(said) - 11) if said[i : i + 12] in text]


@pytest.mark.parametrize("claim", ["iss", "aud", "azp"])
def test_a_secret_that_an_id_token_says_back_does_not_stand_in_the_error(world, claim):
    world.person()
    world.provider.id_token.claims[claim] = lambda claims: world.provider.last("token").form["code"]
    assert "***" in one_line(world.run("token()"), claim, code="protocol")


def test_a_reused_refresh_token_ends_in_a_clear_error_at_once_where_nobody_can_sign_in(world):
    world.person()
    world.run("token()").ok()
    world.provider.revoke_refresh()
    world.advance(301)
    text = one_line(world.run("search()", CI="true"), code=("login_required", "provider"))
    assert "sign in" in text or "login" in text
    assert len(world.token_requests("refresh_token")) == 1 and len(world.browser.openings) == 1


def test_an_absent_refresh_token_is_no_failure(world):
    world.person()
    world.provider.token_fields["refresh_token"] = DROP
    world.run("search()").ok()
    world.advance(301)
    world.run("search()").ok()
    assert len(world.browser.openings) == 2 and world.token_requests("refresh_token") == []


# --- the redirect ---
def raw(address, data):
    """What the listener answers to these bytes; nothing when it closes."""
    with socket.create_connection(address, 20) as connection:
        connection.settimeout(20)
        got = b""
        try:
            connection.sendall(data)
            while chunk := connection.recv(65536):
                got += chunk
        except OSError:
            pass
        return got


def test_odd_requests_to_the_listener_neither_end_the_wait_nor_get_a_page_with_our_words(world):
    world.person()
    process, url = waiting(world, MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT="300")
    target = world.browser.callback_url(url)
    parts = urllib.parse.urlsplit(target)
    address, path, host = ("127.0.0.1", port_of(target)), f"{parts.path}?{parts.query}", parts.netloc
    good = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
    odd = [
        # two Host fields, another one, none (DNS rebinding; RFC 9112 §3.2)
        (400, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n"),
        (400, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nHost: {host}\r\n\r\n"),
        (400, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nhost: {host}\r\n\r\n"),
        (400, f"GET {path} HTTP/1.1\r\n\r\n"),
        (421, f"GET {path} HTTP/1.1\r\nHost: \r\n\r\n"),
        (421, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        (421, f"GET {path} HTTP/1.1\r\nHost: {host}.evil.example\r\n\r\n"),
        (421, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        (421, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"),
        (421, f"GET {path} HTTP/1.1\r\nHost: localhost:{address[1]}\r\n\r\n"),
        (421, f"GET http://evil.example{path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        (421, f"GET http://evil.example{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        # other methods, versions, paths
        (405, f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nx=1&y"),
        (405, f"POST {parts.path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(parts.query)}\r\n\r\n{parts.query}"),
        (405, f"HEAD {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (400, good + "Content-Length: 1\r\n\r\nx"),
        (400, good + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (404, f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (404, f"GET {parts.path}/x?{parts.query} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (505, f"GET {path} HTTP/0.9\r\n\r\n"),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, f"GET {path}\r\n\r\n"),
        # what is too long, and what is no HTTP
        (414, f"GET {path}&x={'y' * 20_000} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (431, good + f"X: {'y' * 20_000}\r\n\r\n"),
        (431, good + "X: y\r\n" * 5000 + "\r\n"),
        (400, good + "X\0: y\r\n\r\n"),
        (400, good + " folded: y\r\n\r\n"),
        (400, good + "X : y\r\n\r\n"),
        (400, good.replace("\r\n", "\n") + "\n"),
        (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 100),
        (400, "\r\n" * 5000),
        # parameters: one twice, one that is not encoded properly
        (400, f"GET {path}&iss=https%3A%2F%2Fevil.example HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (400, f"GET {path}&%73tate=x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (400, f"GET {path.replace('code=', 'code=%00')} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        (400, f"GET {path.replace('state=', 'state=%zz')} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ]
    for status, request in odd:
        answer = raw(address, request.encode("latin-1"))
        assert answer.startswith(b"HTTP/1.1 %d " % status), (request[:200], answer[:100])
        assert b"evil" not in answer and b"Set-Cookie" not in answer
        assert process.busy() and world.provider.count("token") == 0, f"this ended the wait: {request[:200]!r}"
    assert raw(address, (good + "Connection: close\r\n\r\n").encode()).startswith(b"HTTP/1.1 200")
    process.wait().ok()
    process.end()


def test_requests_that_a_page_fires_at_the_listener_get_nothing_and_change_nothing(world):
    """From a script, an image, a frame, a form, a socket or a prefetch of a page in the user's browser; the worst that is thought of:
    it knows path, code and state. The answers are for no script to read (no CORS, no Private Network Access)."""
    world.person()
    process, url = waiting(world, MLFLOW_TRACKING_OIDC_LOGIN_TIMEOUT="300")
    target = world.browser.callback_url(url)
    parts = urllib.parse.urlsplit(target)
    address, host = ("127.0.0.1", port_of(target)), parts.netloc
    start = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://evil.example\r\n"
    fired = [
        (403, start + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n\r\n"),
        (403, start + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n\r\n"),
        (403, start + "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n\r\n"),
        (403, start + "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: object\r\n\r\n"),
        (403, start + "Sec-Fetch-Mode: websocket\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n"),
        (403, start + "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Purpose: prefetch;prerender\r\n\r\n"),
        (405, start.replace("GET", "POST", 1) + "Sec-Fetch-Mode: navigate\r\nContent-Length: 3\r\n\r\na=b"),
        (405, start.replace("GET", "OPTIONS", 1) + "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\n\r\n"),
    ]
    for status, request in fired:
        answer = raw(address, request.encode())
        assert answer.startswith(b"HTTP/1.1 %d " % status), (request, answer[:100])
        assert b"access-control" not in answer.lower() and b"evil" not in answer
        assert process.busy() and world.provider.count("token") == 0, request
    for i in range(200):  # guesses
        assert raw(address, f"GET {parts.path}?code=x&state=guess{i} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).startswith(b"HTTP/1.1 400 ")
    assert process.busy() and world.provider.count("token") == 0
    navigated = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n"
    assert raw(address, navigated.encode()).startswith(b"HTTP/1.1 200")
    process.wait().ok()
    process.end()


def test_a_mix_up_of_two_providers_sends_no_code_to_the_wrong_one(world):
    """RFC 9700 §4.4: the provider that is asked sends the browser on to an honest one, whose code it hopes to be given."""
    evil = world.new_provider()
    evil.metadata["authorization_endpoint"] = f"{world.provider.issuer}/authorize"
    world.person(issuer=evil.issuer)
    one_line(world.run("search()"), "comes from another issuer", world.provider.issuer, "RFC 9207", code="protocol")
    assert world.provider.sign_ins == 1 and evil.count("token") == 0 and world.server.requests == []


def test_the_redirect_a_second_time_redeems_nothing(world):
    """Both at once, as a browser that reloads."""
    world.person()
    process, url = waiting(world)
    target = world.browser.callback_url(url)
    parts = urllib.parse.urlsplit(target)
    request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    pair = [socket.create_connection(("127.0.0.1", port_of(target)), 5) for _ in range(2)]
    for connection in pair:
        connection.sendall(request)
    process.wait().ok()
    for connection in pair:
        connection.close()
    process.end()
    assert world.provider.count("token") == 1


# --- the way to the provider ---
@pytest.mark.parametrize("proxy", ["sock://me:{}@127.0.0.1:1", "http://me:{}@127.0.0.1:99999", "http://me:{}@no host:1",
                                   "http://me:{}@127.0.0.1:1", "me:{}@127.0.0.1:1"])
def test_the_password_of_a_proxy_does_not_stand_in_an_error(world, proxy):
    world.robot(issuer="https://auth.example.com/")
    world.more_secrets.add("pr0xy-s3cret")
    outcome = world.run("token()", https_proxy=proxy.format("pr0xy-s3cret"))
    one_line(outcome, "auth.example.com", code="network")


@pytest.mark.parametrize("where", ["discovery", "jwks", "token", "a proxy"])
def test_a_network_that_wants_a_sign_in_of_its_own_is_named(world, where):
    """RFC 6585 §6: it is no fault of the provider, which was never asked."""
    if where == "a proxy":
        world.robot(issuer="https://auth.example.com/")
        with ForwardProxy(b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n", None) as proxy:
            outcome = world.run("token()", https_proxy=proxy.uri)
    else:
        world.person()
        world.provider.replace(where, 511, body=b"<html>sign in here")
        outcome = world.run("token()")
    outcome.failed(("provider", "network"), "511")
    assert "network" in outcome.error["next"] and "browser" in outcome.error["next"] and "fault" not in outcome.error["next"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", b"<html>no", None, "down"])
def test_a_proxy_that_lets_nobody_through_is_named(world, answer):
    world.robot(issuer="https://auth.example.com/")
    proxy = f"http://127.0.0.1:{free_port()}" if answer == "down" else "http://"  # none at all
    if isinstance(answer, bytes):
        listener = socket.create_server(("127.0.0.1", 0))
        proxy += f"127.0.0.1:{listener.getsockname()[1]}"

        def refuse():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as client:
                        client.recv(4096)
                        client.sendall(answer)

        threading.Thread(target=refuse, daemon=True).start()
    text = one_line(world.run("token()", https_proxy=proxy), "auth.example.com", "check the proxy", "no_proxy", code="network")
    assert ("407" in text) == (isinstance(answer, bytes) and b"407" in answer)
    if isinstance(answer, bytes):
        listener.close()


@pytest.mark.parametrize("trusted", [True, False])
def test_a_proxy_at_https_is_judged_by_the_certificates_that_were_named(world, trusted):
    authority = Authority(world.folder, "proxy")
    world.robot(issuer="https://auth.example.com/")
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse():
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            # one that does not like the certificate may say so only when the handshake is over
            with contextlib.suppress(OSError), authority.context().wrap_socket(client, server_side=True) as tls:
                tls.recv(4096)
                tls.sendall(b"HTTP/1.1 418 No Tunnel\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=refuse, daemon=True).start()
    env = {"https_proxy": f"https://127.0.0.1:{listener.getsockname()[1]}"}
    if trusted:
        env["SSL_CERT_FILE"] = str(authority.ca_file)
    error = world.run("token()", **env).failed("network")
    listener.close()
    assert ("418" in str(error)) == trusted, error


def test_what_a_proxy_says_to_connect_is_no_part_of_the_providers_answer(world):
    """It comes in clear, from whoever is on the way."""
    provider = world.new_provider(context=world.authority.context("auth.example.com"))
    provider.replace("discovery", body=b"hello")  # without a content type
    world.robot(issuer=f"https://auth.example.com:{provider.port}")
    said = b"HTTP/1.1 200 Connection established\r\nContent-Type: text/of-the-proxy\r\nRetry-After: 9\r\n\r\n"
    with ForwardProxy(said, provider) as proxy:
        outcome = world.run("token()", https_proxy=proxy.uri, SSL_CERT_FILE=str(world.authority.ca_file))
    one_line(outcome, "what answered there (no content type) is no metadata", code="protocol")
    assert len(proxy.heads) == provider.count("discovery") == 1


# --- the tracking server and its proxy ---
CHALLENGES = ["", "Bearer", "Basic realm=\"x\", Negotiate, Bearer error=", "Bearer realm=\"\x1b[2J\x07\", error=\"invalid_token", "x" * 30_000,
              ", , ,=,=\"", "Bearer " + ", ".join(f"a{i}=b" for i in range(2000)), "\xff\xfe\x80", "NTLM TlRMTVNTUAAC"]


@pytest.mark.parametrize("challenge", CHALLENGES, ids=lambda text: repr(text)[:24])
def test_rubbish_in_www_authenticate_changes_nothing(world, challenge):
    world.robot()
    answer = Answer.of_json({"error": "unauthorized"}, 401, [("WWW-Authenticate", challenge)])
    world.server.fault("*", lambda request, normal: answer, times=1)
    with world.process() as process:
        assert process.do("search()").ok() == ["Default"], "renewed once, and repeated"
        world.server.fault("*", lambda request, normal: answer)
        world.advance(61)
        one_line(process.do("search()"), world.server.uri, "401", "aud")
    assert len(world.token_requests()) == 3


def refusing(*fields):
    """An answer of 401 with these fields of WWW-Authenticate."""
    return Answer.of_json({"error": "unauthorized"}, 401, [("WWW-Authenticate", field) for field in fields])


def test_the_reason_that_the_tracking_server_gives_is_quoted(world):
    world.robot()
    bearer = 'Bearer realm="x", error="insufficient_scope", error_description="ask for the \\"writer\\" role, \xc3\xa4h", scope="mlflow:write"'
    world.server.fault("*", lambda request, normal: refusing('Basic realm="Bearer error=no"', bearer))
    outcome = world.run("search()")
    one_line(outcome, ': insufficient_scope, ask for the "writer" role, äh, scope mlflow:write', "aud", code="provider")
    assert outcome.error["oauth_error"] == "insufficient_scope" and outcome.error["http_status"] == 401


@pytest.mark.parametrize("error", ["\x1b]0;owned\x07\x1b[2J", "\x9b31m\xc2\x9b31m", "\xe2\x80\xae", "a\tb\x7f", "%s%n" * 20, "x" * 9000])
def test_the_reason_of_the_tracking_server_moves_no_terminal(world, error):
    world.robot()
    world.server.fault("*", lambda request, normal: refusing(f'Bearer error="{error}", error_description="{error}", scope="{error}"'))
    assert len(one_line(world.run("search()"), world.server.uri, "401", "aud", code="provider")) < 900


@pytest.mark.parametrize("who", ["robot", "person"])
def test_a_token_that_the_tracking_server_says_back_does_not_stand_in_the_error(world, who):
    """world.check_promises greps for it; here for any part of it too."""
    getattr(world, who)()

    def echo(request, normal):
        said = request.bearer
        tokens = " ".join([said, *(r.bearer for r in world.server.requests), "".join("\\" + c for c in said), said[5:-5],
                           said[:20] + "/" + said[20:]])
        return refusing(f'Bearer error="{said}", error_description="{tokens}", scope="{"x" * 60}{tokens}"')

    world.server.fault("*", echo)
    text = one_line(world.run("search()"), "***", code="provider")
    parts = {token[i : i + 12] for token in world.server.tokens() for i in range(len(token) - 11)}
    assert not [part for part in parts if part in text] and len(set(world.server.tokens())) == 2


@pytest.mark.parametrize("effect", [{"endless": True}, {"drip": 0.5}], ids=["endless", "slow"])
@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
def test_an_error_body_without_end_is_not_read(world, effect, html):
    """The bodies of a 401, which we repeat, and of a page, which we explain, are left unread; all others are MLflow's to read."""
    world.robot()
    kind = [("Content-Type", "text/html" if html else "application/json")]
    answer = Answer(200 if html else 401, kind, b"<html>" + b"x" * 5000, **effect)
    world.server.fault("*", lambda request, normal: answer)
    outcome = world.run("search()")
    one_line(outcome, world.server.uri, ("page",) if html else ("401",))
    assert len(world.server.requests) == (1 if html else 2)


@pytest.mark.parametrize("location", ["//", "http://[::1", "https://\0/", "\r\nx", "http://a b/", "javascript:alert(1)", "http://127.0.0.1:1/" + "x" * 9000])
def test_an_odd_location_of_the_tracking_server_takes_no_token_along(world, location):
    other = world.new_server()
    world.robot()
    world.unguarded = True
    world.server.fault("*", lambda request, normal: tracking.redirect(location.replace("\r\n", " ").replace("\0", "%00")))
    outcome = world.run("search()")
    assert outcome.error is not None and outcome.seconds < SOON_S
    assert other.requests == [] and len(world.token_requests()) == 1
