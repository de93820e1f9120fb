"""contract.md: "ID tokens are fully checked". One row for each way to be wrong; those of the OpenID Foundation's RP plans have its name."""
import dataclasses
import json
import time

import jose
import pytest
from provider import DROP

ANOTHER = "https://evil.example.com"


def shift(claim, seconds):
    return lambda claims: claims[claim] + seconds


@dataclasses.dataclass
class Row:
    name: str
    mentions: tuple | str = ()
    set: dict = dataclasses.field(default_factory=dict)  # attributes of the recipe
    claims: dict = dataclasses.field(default_factory=dict)
    header: dict = dataclasses.field(default_factory=dict)
    prepare: object = None  # function of the provider

    def apply(self, provider):
        if self.prepare:
            self.prepare(provider)
        for name, value in self.set.items():
            setattr(provider.id_token, name, value)
        provider.id_token.claims.update(self.claims)
        provider.id_token.header.update(self.header)


def sign_hs256_with_public_key(provider):
    key = provider.keys[0]
    provider.id_token.header["alg"] = "HS256"
    provider.id_token.sign = lambda data: jose.hs256(key.public_pem(), data)


def sign_hs256_with_the_jwk(provider):
    key = provider.keys[0]
    provider.id_token.header["alg"] = "HS256"
    provider.id_token.sign = lambda data: jose.hs256(json.dumps(key.jwk).encode(), data)


def es256(provider):
    provider.keys = [jose.Key("ES256")]


def es256_der(provider):
    es256(provider)
    provider.id_token.sign = lambda data: provider.keys[0].sign_der(data)


def es256_signature(make):
    def prepare(provider):
        es256(provider)
        provider.id_token.sign = lambda data: make(provider.keys[0].sign(data))

    return prepare


def small_rsa(provider):
    provider.keys = [jose.Key("RS256", label="small", bits=1024)]


def own_key_in_header(name):
    def prepare(provider):
        intruder = jose.Key("RS256", label="intruder", kid=provider.keys[0].kid)
        provider.id_token.key = intruder
        provider.id_token.header[name] = intruder.jwk if name == "jwk" else ANOTHER + "/jwks"

    return prepare


def two_unnamed_keys(provider):
    """No kid in the header, and two keys that fit."""
    provider.keys = [jose.Key("RS256", label="first"), jose.Key("RS256", label="second")]
    provider.id_token.header["kid"] = DROP


def swapped_segments(token):
    header, payload, signature = token.split(".")
    return f"{payload}.{header}.{signature}"


def duplicate(name, value):
    """The claim twice: the wrong one first, as some parsers take it, or last, as others do."""
    return lambda claims: json.dumps({"x": 0, **claims}).replace('"x": 0', f'"{name}": {json.dumps(value)}').encode()


SIGNATURE = ("signature", "key", "kid", "alg")

REFUSED = [
    # the OpenID Foundation's names
    Row("oidcc-client-test-invalid-iss", "iss", claims={"iss": ANOTHER}),
    Row("oidcc-client-test-missing-sub", "sub", claims={"sub": DROP}),
    Row("oidcc-client-test-invalid-aud", "aud", claims={"aud": "someone-else"}),
    Row("oidcc-client-test-missing-iat", "iat", claims={"iat": DROP}),
    Row("oidcc-client-test-missing-aud", "aud", claims={"aud": DROP}),
    Row("oidcc-client-test-nonce-invalid", "nonce", claims={"nonce": "another"}),
    Row("oidcc-client-test-invalid-sig-rs256", SIGNATURE, set={"token": lambda t: t[:-8] + ("AAAAAAAA" if t[-8:] != "AAAAAAAA" else "BBBBBBBB")}),
    Row("oidcc-client-test-invalid-sig-es256", SIGNATURE, prepare=es256_signature(lambda s: s[:-4] + bytes(4))),
    Row("oidcc-client-test-kid-absent-multiple-jwks", SIGNATURE, prepare=two_unnamed_keys),
    # claims
    Row("iss-missing", "iss", claims={"iss": DROP}),
    Row("iss-with-slash", "iss", claims={"iss": lambda c: c["iss"] + "/"}),
    Row("iss-with-nul", ("iss", "JSON"), claims={"iss": lambda c: c["iss"] + "\0.example.com"}),
    Row("iss-of-another-type", "iss", claims={"iss": ["x"]}),
    Row("iss-in-upper-case", "iss", claims={"iss": lambda c: c["iss"].upper()}),
    Row("aud-with-nul", ("aud", "JSON"), claims={"aud": "app\0x"}),
    Row("aud-empty-list", "aud", claims={"aud": []}),
    Row("aud-several-without-azp", ("azp", "aud"), claims={"aud": ["app", "other"]}),
    Row("aud-several-none-ours", "aud", claims={"aud": ["one", "other"], "azp": "app"}),
    Row("aud-of-another-type", "aud", claims={"aud": {"app": 1}}),
    Row("aud-list-with-a-number", "aud", claims={"aud": [1, 2]}),
    Row("aud-prefix", "aud", claims={"aud": "ap"}),
    Row("azp-wrong", "azp", claims={"azp": "other"}),
    Row("azp-wrong-with-several-aud", "azp", claims={"aud": ["app", "other"], "azp": "other"}),
    Row("azp-of-another-type", "azp", claims={"azp": 1}),
    Row("exp-missing", "exp", claims={"exp": DROP}),
    Row("exp-past", ("exp", "expired"), claims={"iat": shift("iat", -361), "exp": shift("iat", -61)}),
    Row("exp-long-past", ("exp", "expired"), claims={"exp": 1}),
    Row("exp-negative", "exp", claims={"exp": -1}),
    Row("exp-a-string", "exp", claims={"exp": "9999999999"}),
    Row("exp-null", "exp", claims={"exp": None}),
    Row("exp-true", "exp", claims={"exp": True}),
    Row("iat-in-the-future", "iat", claims={"iat": shift("iat", 120)}),
    Row("iat-a-string", "iat", claims={"iat": "1"}),
    Row("nbf-in-the-future", "nbf", claims={"nbf": shift("iat", 120)}),
    Row("sub-empty", "sub", claims={"sub": ""}),
    Row("sub-of-another-type", "sub", claims={"sub": 7}),
    Row("nonce-missing", "nonce", claims={"nonce": DROP}),
    Row("nonce-empty", "nonce", claims={"nonce": ""}),
    Row("nonce-of-another-type", "nonce", claims={"nonce": 1}),
    Row("nonce-prefix", "nonce", claims={"nonce": lambda c: c["nonce"][:-1]}),
    Row("at_hash-wrong", "at_hash", claims={"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    Row("at_hash-of-another-type", "at_hash", claims={"at_hash": 1}),
    Row("at_hash-whole-hash", "at_hash", claims={"at_hash": lambda c: c["at_hash"] * 2}),
    # algorithm and key
    Row("alg-none", "alg", header={"alg": "none"}, set={"sign": lambda data: b""}),
    Row("alg-None", "alg", header={"alg": "None"}, set={"sign": lambda data: b""}),
    Row("alg-none-with-a-signature", "alg", header={"alg": "none"}),
    Row("alg-missing", "alg", header={"alg": DROP}),
    Row("alg-empty", "alg", header={"alg": ""}),
    Row("alg-of-another-type", "alg", header={"alg": 256}),
    Row("alg-unknown", "alg", header={"alg": "RS257"}),
    Row("alg-hs256-with-the-public-key", "alg", prepare=sign_hs256_with_public_key),
    Row("alg-hs256-with-the-jwk", "alg", prepare=sign_hs256_with_the_jwk),
    Row("alg-hs256-with-the-secret", "alg", header={"alg": "HS256"}, set={"sign": lambda data: jose.hs256(b"app", data)}),
    Row("alg-not-of-the-keys-type", SIGNATURE, header={"alg": "ES256"}),
    Row("alg-not-what-the-jwk-says", SIGNATURE, header={"alg": "PS256"}, set={"alg": "PS256"}),
    Row("wrong-key", SIGNATURE, prepare=lambda p: setattr(p.id_token, "key", jose.Key("RS256", label="intruder", kid=p.keys[0].kid))),
    Row("jwk-in-the-header", SIGNATURE, prepare=own_key_in_header("jwk")),
    Row("jku-in-the-header", SIGNATURE, prepare=own_key_in_header("jku")),
    Row("kid-unknown", SIGNATURE, prepare=lambda p: setattr(p.id_token, "key", jose.Key("RS256", label="intruder"))),
    Row("key-for-encryption", SIGNATURE, prepare=lambda p: p.alter("jwks", lambda d: [k.update(use="enc") for k in d["keys"]] and None)),
    Row("rsa-1024", ("2048", "short", "small", "weak", *SIGNATURE), prepare=small_rsa),
    Row("es256-der", SIGNATURE, prepare=es256_der),
    Row("es256-all-zero", SIGNATURE, prepare=es256_signature(lambda s: bytes(64))),
    Row("es256-short", SIGNATURE, prepare=es256_signature(lambda s: s[:63])),
    Row("es256-long", SIGNATURE, prepare=es256_signature(lambda s: s + b"\0")),
    Row("es256-empty", SIGNATURE, prepare=es256_signature(lambda s: b"")),
    Row("signature-empty", SIGNATURE, set={"sign": lambda data: b""}),
    Row("crit-unknown", "crit", header={"crit": ["x"], "x": 1}),
    Row("crit-empty", "crit", header={"crit": []}),
    Row("b64-false", ("crit", "b64"), header={"crit": ["b64"], "b64": False}),
    # form
    Row("two-segments", (), set={"token": lambda t: t.rsplit(".", 1)[0]}),
    Row("four-segments", (), set={"token": lambda t: t + ".x"}),
    Row("five-segments", (), set={"token": lambda t: t + ".x.y"}),
    Row("empty", (), set={"token": lambda t: ""}),
    Row("padding", (), set={"token": lambda t: t.replace(".", "=.", 1)}),
    Row("stray-characters-in-base64url", (), set={"token": lambda t: t.replace(".", "+.", 1)}),
    Row("white-space", (), set={"token": lambda t: t.replace(".", " .", 1)}),
    Row("swapped-segments", (), set={"token": swapped_segments}),
    Row("not-json", (), set={"payload": lambda claims: b"not json"}),
    Row("a-list", (), set={"payload": lambda claims: b"[]"}),
    Row("nul-after-the-json", (), set={"payload": lambda claims: json.dumps(claims).encode() + b"\0"}),
    Row("bad-utf-8", (), set={"payload": lambda claims: json.dumps(claims).encode().replace(b'"alice"', b'"al\xffce"')}),
    Row("duplicate-aud", (), set={"payload": duplicate("aud", "someone-else")}),
    Row("duplicate-nonce", (), set={"payload": duplicate("nonce", "another")}),
    Row("trailing-text", (), set={"payload": lambda claims: json.dumps(claims).encode() + b"{}"}),
    Row("100000-deep", (), set={"payload": lambda claims: b"[" * 100000}),
    Row("huge", (), claims={"x": "y" * 2_000_000}),
]

ACCEPTED = [
    Row("oidcc-client-test", ()),
    Row("oidcc-client-test-kid-absent-single-jwks", (), header={"kid": DROP}),
    Row("exp-within-leeway", (), claims={"iat": shift("iat", -330), "exp": shift("iat", -30)}),
    Row("iat-within-leeway", (), claims={"iat": shift("iat", 30)}),
    Row("iat-long-ago", (), claims={"iat": shift("iat", -86400)}),
    Row("nbf-within-leeway", (), claims={"nbf": shift("iat", 30)}),
    Row("aud-list-of-one", (), claims={"aud": ["app"]}),
    Row("aud-several-with-azp", (), claims={"aud": ["other", "app"], "azp": "app"}),
    Row("azp-ours", (), claims={"azp": "app"}),
    Row("at_hash-missing", (), claims={"at_hash": DROP}),
    Row("exp-with-a-fraction", (), claims={"exp": lambda c: c["exp"] + 0.5}),
    Row("typ-missing", (), header={"typ": DROP}),
    Row("unknown-claims", (), claims={"roles": ["a", {"b": None}], "email": "ö@example.com"}),
    Row("unknown-header", (), header={"x": {"y": 1}}),
    Row("jwk-without-alg-and-use", (), prepare=lambda p: p.alter("jwks", lambda d: [(k.pop("alg"), k.pop("use")) for k in d["keys"]] and None)),
    Row("jwks-with-unknown-kinds-of-keys", (), prepare=lambda p: p.alter("jwks", lambda d: {"keys": [
        {"kty": "XYZ", "kid": "x"}, {"kty": "oct", "k": "AAAA"}, {}, {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, *d["keys"]]})),
    Row("kid-absent-and-one-key-that-fits", (), header={"kid": DROP}, prepare=lambda p: setattr(
        p, "keys", [jose.Key("RS256"), jose.Key("ES256")])),
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_wrong_id_token_is_refused(world, row):
    world.person()
    row.apply(world.provider)
    outcome = world.run("search()")
    text = outcome.failed(("protocol", "network") if row.name == "huge" else "protocol", *([row.mentions] if row.mentions else []))
    assert outcome.seconds < 5 and len(text) < 2000 and "\n" not in text.split("failed with exception")[-1]
    assert world.server.requests == [] and world.cache_files_hold_no_token()
    assert len(world.browser.openings) == 1


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row.name)
def test_a_right_id_token_is_accepted(world, row):
    world.person(use_id_token=False)
    row.apply(world.provider)
    world.run("search()").ok()


@pytest.mark.parametrize("alg", jose.ALGORITHMS)
def test_each_algorithm(world, alg):
    """oidcc-client-test-signing-key-rotation's neighbours: ES256 and PS256 are what FAPI asks for."""
    world.provider.keys = [jose.Key("RS256"), jose.Key(alg, label="other")] if alg != "RS256" else [jose.Key(alg)]
    world.provider.id_token.key = world.provider.keys[-1]
    world.person()
    world.run("search()").ok()


def test_an_id_token_that_is_missing_is_an_error(world):
    """oidcc-client-test-idtoken-missing"""
    world.provider.id_token.absent = True
    world.person()
    world.run("search()").failed(None, ("ID token", "id_token"))
    assert world.server.requests == []


def test_an_unknown_kid_fetches_the_jwks_once_more(world):
    """oidcc-client-test-signing-key-rotation"""
    world.person()
    with world.process() as process:
        process.do("login()").ok()
        assert world.provider.count("jwks") == 1
        world.provider.rotate_keys()
        process.do("login()").ok()
        assert world.provider.count("jwks") == 2
        process.do("login()").ok()
        assert world.provider.count("jwks") == 2


def test_keys_that_rotate_between_discovery_and_signing(world):
    """oidcc-client-test-signing-key-rotation-just-before-signing"""
    world.person()
    world.provider.replace("jwks", json={"keys": [jose.Key("RS256", label="old").jwk]}, times=1)
    world.run("token()").ok()
    assert world.provider.count("jwks") <= 2


def test_a_kid_that_stays_unknown_is_asked_for_once_not_for_ever(world):
    world.person()
    world.provider.id_token.key = jose.Key("RS256", label="intruder")
    with world.process() as process:
        process.do("login()").failed("protocol")
        assert world.provider.count("jwks") <= 2
        process.do("login()").failed("protocol")
        assert world.provider.count("jwks") <= 4


@pytest.mark.parametrize("fault", ["down", "empty", "garbage", "1000 keys", "not an object", "no keys"])
def test_a_jwks_that_is_no_use_is_an_error_that_names_it(world, fault):
    world.person()
    answers = {
        "down": dict(status=503), "empty": dict(json={"keys": []}), "garbage": dict(body=b"<html>"),
        "1000 keys": dict(json={"keys": [{**jose.Key("ES256").jwk, "kid": str(i)} for i in range(1000)]}),
        "not an object": dict(json=[1]), "no keys": dict(json={}),
    }
    world.provider.replace("jwks", **answers[fault])
    began = time.monotonic()
    world.run("search()").failed(("protocol", "network", "provider"), (f"{world.provider.issuer}/jwks", *SIGNATURE))
    assert time.monotonic() - began < 5 and world.server.requests == []


def test_the_right_key_among_100_is_found(world):
    world.person()
    others = [{**jose.Key("RS256", label="intruder").jwk, "kid": f"k{i}"} for i in range(100)]
    world.provider.alter("jwks", lambda document: {"keys": [*others, *document["keys"]]})
    world.run("search()").ok()


def test_a_point_that_is_not_on_the_curve_is_refused(world):
    world.person()
    world.provider.keys = [jose.Key("ES256")]

    def bend(document):
        document["keys"][0]["y"] = jose.b64(b"\1" * 32)

    world.provider.alter("jwks", bend)
    world.run("search()").failed("protocol", SIGNATURE)
    assert world.server.requests == []


def test_an_id_token_is_checked_though_the_access_token_is_what_is_sent(world):
    world.person(use_id_token=False)
    world.provider.id_token.claims["nonce"] = "another"
    world.run("search()").failed("protocol", "nonce")
    assert world.server.requests == []


def test_an_expired_one_within_leeway_is_not_sent(world):
    """It is right for judging the sign-in; sending it would break "no token is sent after its own expiry"."""
    world.person()
    world.provider.id_token.claims.update(iat=shift("iat", -330), exp=shift("iat", -30))
    world.run("search()")
    assert world.server.with_expired_token() == []
