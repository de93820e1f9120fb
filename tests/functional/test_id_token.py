"""contract.md: "ID tokens are fully checked". One row for each way to be wrong; those of the OpenID Foundation's RP plans have its name."""
import dataclasses
import json
import time

import jose
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from provider import DROP
from stack.process import free_port
from world import SOON_S

ANOTHER = "https://evil.example.com"
ESCAPES = "\x1b[2J\x07\r\nfake line\u0085\u2028\u202e\x9b" + "long " * 1000


def shift(claim, seconds):
    return lambda claims: claims[claim] + seconds


@dataclasses.dataclass
class Row:
    name: str
    reason: str = ""  # what the error says
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


def small_rsa(bits):
    return lambda provider: setattr(provider, "keys", [jose.Key("RS256", label=f"small-{bits}", bits=bits)])


def unnamed_algs(provider):
    """Keys that do not say which algorithm they are for: only their type and curve do."""
    provider.alter("jwks", lambda document: [key.pop("alg") for key in document["keys"]] and None)


def ps256_without_salt(provider):
    key = jose.Key("PS256")
    provider.keys = [key]
    provider.id_token.sign = lambda data: key.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256())


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


# what is said of each fault: a token that is refused for another reason would prove nothing
NO_KEY, BAD_SIGNATURE, BAD_LENGTH = "no key of the provider fits", "has a wrong signature", "has a signature of the wrong length"
NO_ISS, OTHER_ISS = "has no issuer (iss ", "is of another issuer (iss "
NO_SUB, OTHER_SUB = "has no subject (sub ", "is of another subject (sub)"
OTHER_AUD, KIND_OF_AUD, OTHER_AZP = "is for another audience (aud ", "that is neither a string nor an array", "was issued to another client (azp "
NO_EXP, ENDS_BEFORE, NO_IAT = "has no end (exp ", "does not end (exp) after it was issued", "has no time of issue (iat "
NO_NONCE, OTHER_NONCE, OTHER_AT_HASH = "does not carry the nonce", "carries the nonce of another sign-in", "at_hash is wrong"
NO_ALG, NONE, SHARED_SECRET, NO_SUCH_ALG = "names no algorithm", "is not signed (alg none", "with a shared secret (alg HS", "not supported (alg "
CRIT, NOT_JWT, PAYLOAD = "demands an extension that is not supported (crit", "is no JWT", "payload of the ID token is not JSON"
TWICE, BASE64, TOO_LARGE = "of the ID token is not JSON (a key stands twice", "of the ID token is not base64url", "ID token is larger than 65536 bytes"
NOT_VISIBLE, REPLY_NOT_JSON = "id_token is not a string of visible characters", "token endpoint's answer is not JSON"

REFUSED = [
    # the OpenID Foundation's names
    Row("oidcc-client-test-invalid-iss", OTHER_ISS, claims={"iss": ANOTHER}),
    Row("oidcc-client-test-missing-sub", NO_SUB, claims={"sub": DROP}),
    Row("oidcc-client-test-invalid-aud", OTHER_AUD, claims={"aud": "someone-else"}),
    Row("oidcc-client-test-missing-iat", NO_IAT, claims={"iat": DROP}),
    Row("oidcc-client-test-missing-aud", "has no audience (aud is missing)", claims={"aud": DROP}),
    Row("oidcc-client-test-nonce-invalid", OTHER_NONCE, claims={"nonce": "another"}),
    Row("oidcc-client-test-invalid-sig-rs256", BAD_SIGNATURE, set={"token": lambda t: t[:-8] + ("AAAAAAAA" if t[-8:] != "AAAAAAAA" else "BBBBBBBB")}),
    Row("oidcc-client-test-invalid-sig-es256", BAD_SIGNATURE, prepare=es256_signature(lambda s: s[:-4] + bytes(4))),
    Row("kid-absent-and-two-keys-of-the-alg", "names no kid: exactly one key must fit", header={"kid": DROP}, prepare=lambda p: setattr(
        p, "keys", [jose.Key("PS256"), jose.Key("PS256", label="second"), jose.Key("RS256", label="intruder"), jose.Key("ES256")])),
    Row("oidcc-client-test-kid-absent-multiple-jwks", "names no kid: exactly one key must fit", prepare=two_unnamed_keys),
    Row("kid-named-and-two-keys-without-a-kid", NO_KEY, prepare=lambda p: (setattr(
        p, "keys", [jose.Key("RS256", label="first"), jose.Key("RS256", label="second")]),
        p.alter("jwks", lambda d: [k.pop("kid") for k in d["keys"]] and None))),
    # claims
    Row("iss-missing", NO_ISS, claims={"iss": DROP}),
    Row("iss-with-slash", OTHER_ISS, claims={"iss": lambda c: c["iss"] + "/"}),
    Row("iss-with-nul", PAYLOAD, claims={"iss": lambda c: c["iss"] + "\0.example.com"}),
    Row("iss-with-terminal-escapes", OTHER_ISS, claims={"iss": ESCAPES}),
    Row("aud-with-terminal-escapes", OTHER_AUD, claims={"aud": [ESCAPES, ESCAPES]}),
    Row("azp-with-terminal-escapes", OTHER_AZP, claims={"azp": ESCAPES}),
    Row("alg-with-terminal-escapes", NO_SUCH_ALG, header={"alg": ESCAPES}),
    Row("iss-of-another-type", NO_ISS, claims={"iss": ["x"]}),
    Row("iss-in-upper-case", OTHER_ISS, claims={"iss": lambda c: c["iss"].upper()}),
    Row("aud-with-nul", PAYLOAD, claims={"aud": "app\0x"}),
    Row("aud-empty-list", OTHER_AUD, claims={"aud": []}),
    Row("aud-several-without-azp", "no authorized party (azp)", claims={"aud": ["app", "other"]}),
    Row("aud-several-none-ours", OTHER_AUD, claims={"aud": ["one", "other"], "azp": "app"}),
    Row("aud-of-another-type", KIND_OF_AUD, claims={"aud": {"app": 1}}),
    Row("aud-list-with-a-number", KIND_OF_AUD, claims={"aud": [1, 2]}),
    Row("aud-prefix", OTHER_AUD, claims={"aud": "ap"}),
    Row("azp-wrong", OTHER_AZP, claims={"azp": "other"}),
    Row("azp-wrong-with-several-aud", OTHER_AZP, claims={"aud": ["app", "other"], "azp": "other"}),
    Row("azp-of-another-type", "(azp) that is no string", claims={"azp": 1}),
    Row("exp-missing", NO_EXP, claims={"exp": DROP}),
    Row("exp-past", "has expired: exp lies 6", claims={"iat": shift("iat", -361), "exp": shift("iat", -61)}),
    Row("exp-long-past", ENDS_BEFORE, claims={"exp": 1}),
    Row("exp-negative", ENDS_BEFORE, claims={"exp": -1}),
    Row("exp-a-string", NO_EXP, claims={"exp": "9999999999"}),
    Row("exp-null", NO_EXP, claims={"exp": None}),
    Row("exp-true", NO_EXP, claims={"exp": True}),
    Row("iat-in-the-future", "was issued in the future: iat lies 1", claims={"iat": shift("iat", 120)}),
    Row("iat-a-string", NO_IAT, claims={"iat": "1"}),
    Row("nbf-in-the-future", "is not valid yet: nbf lies 1", claims={"nbf": shift("iat", 120)}),
    Row("nbf-a-string", "has a beginning (nbf) that is no number", claims={"nbf": "1"}),
    Row("exp-is-iat", ENDS_BEFORE, claims={"exp": lambda c: c["iat"]}),
    Row("sub-empty", "has an empty subject (sub)", claims={"sub": ""}),
    Row("sub-of-another-type", NO_SUB, claims={"sub": 7}),
    Row("nonce-missing", NO_NONCE, claims={"nonce": DROP}),
    Row("nonce-empty", OTHER_NONCE, claims={"nonce": ""}),
    Row("nonce-of-another-type", NO_NONCE, claims={"nonce": 1}),
    Row("nonce-prefix", OTHER_NONCE, claims={"nonce": lambda c: c["nonce"][:-1]}),
    Row("at_hash-wrong", OTHER_AT_HASH, claims={"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    Row("at_hash-of-another-type", "has an at_hash that is no string", claims={"at_hash": 1}),
    Row("at_hash-whole-hash", OTHER_AT_HASH, claims={"at_hash": lambda c: c["at_hash"] * 2}),
    # algorithm and key
    Row("alg-none", NONE, header={"alg": "none"}, set={"sign": lambda data: b""}),
    Row("alg-None", NO_SUCH_ALG, header={"alg": "None"}, set={"sign": lambda data: b""}),
    Row("alg-none-with-a-signature", NONE, header={"alg": "none"}),
    Row("alg-missing", NO_ALG, header={"alg": DROP}),
    Row("alg-empty", NO_SUCH_ALG, header={"alg": ""}),
    Row("alg-of-another-type", NO_ALG, header={"alg": 256}),
    Row("alg-unknown", NO_SUCH_ALG, header={"alg": "RS257"}),
    Row("alg-hs256-with-the-public-key", SHARED_SECRET, prepare=sign_hs256_with_public_key),
    Row("alg-hs256-with-the-jwk", SHARED_SECRET, prepare=sign_hs256_with_the_jwk),
    Row("alg-hs256-with-the-secret", SHARED_SECRET, header={"alg": "HS256"}, set={"sign": lambda data: jose.hs256(b"app", data)}),
    Row("alg-not-of-the-keys-type", NO_KEY, header={"alg": "ES256"}),
    Row("alg-not-of-the-type-of-a-key-that-names-none", NO_KEY, header={"alg": "ES256"}, prepare=unnamed_algs),
    Row("alg-not-of-the-curve-of-a-key-that-names-none", NO_KEY, prepare=lambda p: (
        unnamed_algs(p), setattr(p, "keys", [jose.Key("ES384")]), p.id_token.header.update(alg="ES256"))),
    Row("rs256-that-says-ps256", BAD_SIGNATURE, header={"alg": "PS256"}, prepare=unnamed_algs),
    Row("ps256-without-salt", BAD_SIGNATURE, prepare=ps256_without_salt),
    Row("alg-not-what-the-jwk-says", NO_KEY, header={"alg": "PS256"}, set={"alg": "PS256"}),
    Row("wrong-key", BAD_SIGNATURE, prepare=lambda p: setattr(p.id_token, "key", jose.Key("RS256", label="intruder", kid=p.keys[0].kid))),
    Row("jwk-in-the-header", BAD_SIGNATURE, prepare=own_key_in_header("jwk")),
    Row("jku-in-the-header", BAD_SIGNATURE, prepare=own_key_in_header("jku")),
    Row("kid-unknown", NO_KEY, prepare=lambda p: setattr(p.id_token, "key", jose.Key("RS256", label="intruder"))),
    Row("key-for-encryption", NO_KEY, prepare=lambda p: p.alter("jwks", lambda d: [k.update(use="enc") for k in d["keys"]] and None)),
    Row("rsa-1024", NO_KEY, prepare=small_rsa(1024)),
    Row("rsa-2040", NO_KEY, prepare=small_rsa(2040)),
    Row("es256-der", BAD_LENGTH, prepare=es256_der),
    Row("es256-all-zero", BAD_SIGNATURE, prepare=es256_signature(lambda s: bytes(64))),
    Row("es256-r-zero", BAD_SIGNATURE, prepare=es256_signature(lambda s: bytes(32) + s[32:])),
    Row("es256-s-zero", BAD_SIGNATURE, prepare=es256_signature(lambda s: s[:32] + bytes(32))),
    Row("es256-r-and-s-swapped", BAD_SIGNATURE, prepare=es256_signature(lambda s: s[32:] + s[:32])),
    Row("es256-short", BAD_LENGTH, prepare=es256_signature(lambda s: s[:63])),
    Row("es256-long", BAD_LENGTH, prepare=es256_signature(lambda s: s + b"\0")),
    Row("es256-empty", BAD_LENGTH, prepare=es256_signature(lambda s: b"")),
    Row("signature-empty", BAD_LENGTH, set={"sign": lambda data: b""}),
    Row("crit-unknown", CRIT, header={"crit": ["x"], "x": 1}),
    Row("crit-empty", CRIT, header={"crit": []}),
    Row("b64-false", CRIT, header={"crit": ["b64"], "b64": False}),
    Row("b64-false-without-crit", CRIT, header={"b64": False}),
    # form
    Row("two-segments", NOT_JWT, set={"token": lambda t: t.rsplit(".", 1)[0]}),
    Row("four-segments", NOT_JWT, set={"token": lambda t: t + ".x"}),
    Row("five-segments", "is encrypted (JWE", set={"token": lambda t: t + ".x.y"}),
    Row("empty", "gave no ID token", set={"token": lambda t: ""}),
    Row("padding", BASE64, set={"token": lambda t: t.replace(".", "=.", 1)}),
    Row("stray-characters-in-base64url", BASE64, set={"token": lambda t: t.replace(".", "+.", 1)}),
    Row("white-space", NOT_VISIBLE, set={"token": lambda t: t.replace(".", " .", 1)}),
    Row("swapped-segments", NO_ALG, set={"token": swapped_segments}),
    Row("not-json", PAYLOAD, set={"payload": lambda claims: b"not json"}),
    Row("a-list", "payload of the ID token is not a JSON object", set={"payload": lambda claims: b"[]"}),
    Row("nul-after-the-json", "is not JSON (it holds a NUL byte)", set={"payload": lambda claims: json.dumps(claims).encode() + b"\0"}),
    Row("bad-utf-8", PAYLOAD, set={"payload": lambda claims: json.dumps(claims).encode().replace(b'"alice"', b'"al\xffce"')}),
    Row("duplicate-aud", TWICE, set={"payload": duplicate("aud", "someone-else")}),
    Row("duplicate-nonce", TWICE, set={"payload": duplicate("nonce", "another")}),
    Row("trailing-text", PAYLOAD, set={"payload": lambda claims: json.dumps(claims).encode() + b"{}"}),
    Row("40000-deep", "payload of the ID token is nested deeper than 64 levels", set={"payload": lambda claims: b"[" * 40000}),
    Row("100000-deep", TOO_LARGE, set={"payload": lambda claims: b"[" * 100000}),
    Row("huge", "token endpoint is larger than 1048576 bytes", claims={"x": "y" * 2_000_000}),
]

ACCEPTED = [
    Row("oidcc-client-test"),
    Row("oidcc-client-test-kid-absent-single-jwks", header={"kid": DROP}),
    Row("exp-within-leeway", claims={"iat": shift("iat", -330), "exp": shift("iat", -30)}),
    Row("iat-within-leeway", claims={"iat": shift("iat", 30)}),
    Row("iat-long-ago", claims={"iat": shift("iat", -86400)}),
    Row("nbf-within-leeway", claims={"nbf": shift("iat", 30)}),
    Row("aud-list-of-one", claims={"aud": ["app"]}),
    Row("aud-several-with-azp", claims={"aud": ["other", "app"], "azp": "app"}),
    Row("azp-ours", claims={"azp": "app"}),
    Row("at_hash-missing", claims={"at_hash": DROP}),
    Row("exp-with-a-fraction", claims={"exp": lambda c: c["exp"] + 0.5}),
    Row("typ-missing", header={"typ": DROP}),
    Row("unknown-claims", claims={"roles": ["a", {"b": None}], "email": "ö@example.com"}),
    Row("unknown-header", header={"x": {"y": 1}}),
    Row("jwk-without-alg-and-use", prepare=lambda p: p.alter("jwks", lambda d: [(k.pop("alg"), k.pop("use")) for k in d["keys"]] and None)),
    Row("jwks-with-unknown-kinds-of-keys", prepare=lambda p: p.alter("jwks", lambda d: {"keys": [
        {"kty": "XYZ", "kid": "x"}, {"kty": "oct", "k": "AAAA"}, {}, {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, *d["keys"]]})),
    Row("kid-named-and-one-key-without-a-kid", prepare=lambda p: p.alter("jwks", lambda d: [k.pop("kid") for k in d["keys"]] and None)),
    Row("kid-absent-and-one-key-of-the-kty", header={"kid": DROP}, prepare=lambda p: setattr(
        p, "keys", [jose.Key("RS256"), jose.Key("ES256")])),
    Row("kid-absent-and-one-key-of-the-curve", header={"kid": DROP}, prepare=lambda p: (unnamed_algs(p), setattr(
        p, "keys", [jose.Key("ES256"), jose.Key("ES384")]))),
    Row("kid-absent-and-one-key-of-the-alg", header={"kid": DROP}, prepare=lambda p: setattr(
        p, "keys", [jose.Key("RS256"), jose.Key("PS256", label="second"), jose.Key("RS384", label="intruder")])),
    Row("kid-absent-and-one-key-of-the-use", header={"kid": DROP}, prepare=lambda p: (two_unnamed_keys(p), p.alter(
        "jwks", lambda document: document["keys"][1].update(use="enc")))),
    Row("kid-absent-and-one-key-of-the-key_ops", header={"kid": DROP}, prepare=lambda p: (two_unnamed_keys(p), p.alter(
        "jwks", lambda document: document["keys"][1].update(key_ops=["encrypt", "wrapKey"])))),
    Row("null-for-what-may-be-absent", header={"kid": None}, claims={"azp": None, "nbf": None, "at_hash": None}, prepare=lambda p: p.alter(
        "jwks", lambda d: d["keys"][0].update(kid=None, use=None, alg=None, key_ops=None, x5c=None))),
    Row("kid-of-three-keys-that-fit", prepare=lambda p: p.alter("jwks", lambda d: {"keys": [
        jose.Key("RS256", label=label, kid=d["keys"][0]["kid"]).jwk for label in ("second", "intruder")] + d["keys"]})),
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_wrong_id_token_is_refused(world, row):
    world.person()
    row.apply(world.provider)
    outcome = world.run("search()")
    text = outcome.failed("protocol")
    assert row.reason and row.reason in outcome.error["what"]
    own = text.split("failed with exception")[-1].strip()
    assert outcome.seconds < SOON_S and len(text) < 2000 and not [c for c in own if ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u202e"]
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
    world.run("search()").failed(None, ("ID token", "id_token"), f"[{world.provider.issuer}]")
    assert world.server.requests == []


def test_a_scope_that_asks_for_no_id_token_is_where_the_error_says_that_it_is(world):
    path = world.person(scope="profile")
    world.run("token()").failed("protocol", "gave no ID token", f"[{path} line ", "add openid to scope")


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


def test_a_new_key_with_the_name_of_the_old_one_fetches_the_jwks_once_more(world):
    """Of a provider whose kid is always the same: no process has to be started anew."""
    world.person()
    with world.process() as process:
        process.do("login()").ok()
        world.provider.keys = [jose.Key("RS256", label="second", kid=world.provider.keys[0].kid)]
        process.do("login()").ok()
        assert world.provider.count("jwks") == 2
        world.provider.id_token.key = jose.Key("RS256", label="intruder", kid=world.provider.keys[0].kid)
        process.do("login()").failed("protocol", BAD_SIGNATURE)
        assert world.provider.count("jwks") == 3


def test_a_kid_that_stays_unknown_is_asked_for_once_not_for_ever(world):
    world.person()
    world.provider.id_token.key = jose.Key("RS256", label="intruder")
    with world.process() as process:
        process.do("login()").failed("protocol")
        assert world.provider.count("jwks") <= 2
        process.do("login()").failed("protocol")
        assert world.provider.count("jwks") <= 4


USELESS_KEY_SETS = {
    "down": ("provider", "answered with HTTP status 503", dict(status=503)),
    "not there": ("protocol", "is not there (HTTP status 404)", dict(status=404)),
    "garbage": ("protocol", "is not JSON", dict(body=b"<html>")),
    "not an object": ("protocol", "is not a JSON object", dict(json=[1])),
    "no keys": ("protocol", 'has no array "keys"', dict(json={})),
    "empty": ("protocol", NO_KEY, dict(json={"keys": []})),
    "1000 keys": ("protocol", NO_KEY, dict(json={"keys": [{**jose.Key("ES256").jwk, "kid": str(i)} for i in range(1000)]})),
}


@pytest.mark.parametrize("fault", USELESS_KEY_SETS)
def test_a_jwks_that_is_no_use_is_an_error_that_names_it(world, fault):
    code, reason, answer = USELESS_KEY_SETS[fault]
    world.person()
    world.provider.replace("jwks", **answer)
    outcome = world.run("search()")
    outcome.failed(code)
    assert reason in outcome.error["what"] and outcome.seconds < SOON_S and world.server.requests == []
    # what the answer is to blame for names its address; a key that is not there is the issuer's
    assert outcome.error["where"] == world.provider.issuer + ("" if reason == NO_KEY else "/jwks")


def test_a_jwks_that_cannot_be_reached_is_an_error_that_names_it(world):
    """Found out before the code is redeemed: the sign-in could not be finished."""
    world.person()
    world.provider.metadata["jwks_uri"] = f"http://127.0.0.1:{free_port()}/keys"
    outcome = world.run("search()")
    outcome.failed("network", "key set is not reached", world.provider.metadata["jwks_uri"])
    assert outcome.seconds < SOON_S and world.server.requests == [] and world.provider.count("token") == 0


def test_the_right_key_among_1000_is_found(world):
    world.person()
    others = [{**jose.Key("RS256", label="intruder").jwk, "kid": f"k{i}"} for i in range(999)]
    world.provider.alter("jwks", lambda document: {"keys": [*others, *document["keys"]]})
    outcome = world.run("search()")
    outcome.ok()
    assert outcome.seconds < SOON_S


def test_a_point_that_is_not_on_the_curve_is_refused(world):
    world.person()
    world.provider.keys = [jose.Key("ES256")]

    def bend(document):
        document["keys"][0]["y"] = jose.b64(b"\1" * 32)

    world.provider.alter("jwks", bend)
    world.run("search()").failed("protocol", NO_KEY)
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
