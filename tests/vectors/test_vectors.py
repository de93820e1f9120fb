# SPDX-License-Identifier: MIT
"""Test vectors of others through the real code: the RFCs' examples, signatures by joserfc and PyJWT, JSON.

The folder of the drivers is in MOIDC_VECTORS.
"""

import base64
import json
import os
import re
import select
import subprocess
from pathlib import Path

import jwt
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from jwt import algorithms as pyjwt

HERE = Path(__file__).resolve().parent
DRIVERS = Path(os.environ["MOIDC_VECTORS"])
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def run(driver, document):
    document = document.encode() if isinstance(document, str) else document
    return subprocess.run([DRIVERS / driver], input=document, capture_output=True, timeout=20)


def judge(*rows):
    """What jws-check says of each (jwk, jws)."""
    lines = "".join(json.dumps({"jwk": jwk, "jws": token}) + "\n" for jwk, token in rows)
    done = run("jws-check", lines)
    assert done.returncode == 0 and done.stderr == b""
    return done.stdout.decode().split()


def flipped(token, part):
    """The token with one bit of one part changed."""
    parts = token.split(".")
    data = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    data[len(data) // 2] ^= 1
    parts[part] = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    return ".".join(parts)


def check_algorithm(jwk, other_jwk, token):
    rows = [(jwk, token), (jwk, flipped(token, 1)), (jwk, flipped(token, 2)), (other_jwk, token), (jwk, token + "=")]
    rows += [(jwk, token[:-4]), (jwk, token.rsplit(".", 1)[0] + "."), ({**jwk, "use": "enc"}, token)]
    rows += [({**jwk, "alg": "none"}, token)]
    assert judge(*rows) == ["valid"] + ["invalid"] * (len(rows) - 1)


def rfc_examples():
    """(name, key, token) of the signed examples of RFC 7515, RFC 7520 and RFC 8037, as the unit tests have them."""
    text = (HERE.parent / "unit/oauth/rfc_examples.h").read_text().split("RFC_EXAMPLES[]")[1]
    word = r'"(?:[^"\\]|\\.)*"'
    values = ["".join(json.loads(s) for s in re.findall(word, run)) for run in re.findall(rf"{word}(?:\s*{word})*", text)]
    return [(values[i], json.loads(values[i + 1])["keys"][0], values[i + 2]) for i in range(0, len(values), 3)]


@pytest.mark.parametrize("name, jwk, token", rfc_examples(), ids=lambda value: value if isinstance(value, str) else "")
def test_examples_of_the_rfcs(name, jwk, token):
    assert judge((jwk, token), (jwk, flipped(token, 1)), (jwk, flipped(token, 2))) == ["valid", "invalid", "invalid"]


def test_every_rfc_has_its_examples():
    names = " ".join(name for name, _, _ in rfc_examples())
    assert all(name in names for name in ("7515 A.2", "7515 A.3", "7520 4.1", "7520 4.2", "7520 4.3", "8037"))


def joserfc_key(alg):
    if alg in ("EdDSA", "Ed25519"):
        return OKPKey.generate_key("Ed25519")
    return ECKey.generate_key(CURVES[alg]) if alg in CURVES else RSAKey.generate_key(2048)


@pytest.mark.parametrize("alg", [*ALGORITHMS, "Ed25519"])
@pytest.mark.parametrize("payload", [b'{"iss":"joe"}', bytes(range(256)), b""], ids=["object", "bytes", "empty"])
def test_signatures_of_joserfc(alg, payload):
    key, other = joserfc_key(alg), joserfc_key(alg)
    token = jws.serialize_compact({"alg": alg}, payload, key, algorithms=[alg])
    jwk, other_jwk = (k.as_dict(private=False) for k in (key, other))
    if payload:
        check_algorithm(jwk, other_jwk, token)
    else:
        assert judge((jwk, token), (other_jwk, token)) == ["valid", "invalid"]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_signatures_of_pyjwt(alg):
    key, other = joserfc_key(alg), joserfc_key(alg)
    token = jwt.encode({"iss": "joe"}, key.private_key, algorithm=alg)
    maker = {"R": pyjwt.RSAAlgorithm, "P": pyjwt.RSAAlgorithm}.get(alg[0])
    maker = maker or (pyjwt.OKPAlgorithm if alg == "EdDSA" else pyjwt.ECAlgorithm)
    jwk, other_jwk = (json.loads(maker.to_jwk(k.public_key)) for k in (key, other))
    for value in (jwk, other_jwk):
        value.pop("key_ops", None)
    check_algorithm(jwk, other_jwk, token)


def test_shared_secrets_and_no_signature_are_invalid():
    key = joserfc_key("RS256")
    secret = base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()
    hmac = jwt.encode({"iss": "joe"}, b"s" * 32, algorithm="HS256")
    none = jwt.encode({"iss": "joe"}, None, algorithm="none")
    public = key.as_dict(private=False)
    assert judge(({"kty": "oct", "k": secret}, hmac), (public, hmac), (public, none)) == ["invalid"] * 3


GOOD_JWK, GOOD_JWS = next((jwk, token) for name, jwk, token in rfc_examples() if "A.3" in name)
GOOD = json.dumps({"jwk": GOOD_JWK, "jws": GOOD_JWS}).encode()
NO_ROWS = [
    b"", b" ", b"x", b"{}", b"[]", b"null", b"\0", b"\xff\xfe", b"[" * 100_000, b"{" * 3_000_000, GOOD[:-1], GOOD + b"x", GOOD + b"\0",
    GOOD.replace(b'"jwk"', b'"jkw"'), GOOD.replace(b'"jws"', b'"jsw"'), GOOD.replace(b'{"kty"', b'{"kty":"EC","kty"'),
    GOOD.replace(GOOD_JWS.encode(), b"a\\u0000b"), GOOD.replace(GOOD_JWS.encode(), GOOD_JWS.encode() + b"A" * 3_000_000),
    *(json.dumps({"jwk": jwk, "jws": GOOD_JWS}).encode() for jwk in (None, 1, "x", [], [GOOD_JWK], {}, {"keys": [GOOD_JWK]})),
    *(json.dumps({"jwk": GOOD_JWK, "jws": token}).encode() for token in (None, 1, [], {}, "", ".", "..", "a.b.c", "\0", "." * 100_000)),
]


def test_a_line_that_is_no_row_is_invalid_and_the_next_one_is_judged():
    done = run("jws-check", b"".join(line + b"\n" + GOOD + b"\n" for line in NO_ROWS))
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.split() == [b"invalid", b"valid"] * len(NO_ROWS)


@pytest.mark.parametrize("text, verdicts", [(b"", []), (b"\n", ["invalid"]), (GOOD, ["valid"]), (GOOD + b"\r\n", ["valid"]),
                                            (GOOD + b"\nx", ["valid", "invalid"]), (b"\n\n" + GOOD, ["invalid", "invalid", "valid"])])
def test_the_last_line_needs_no_end(text, verdicts):
    done = run("jws-check", text)
    assert done.returncode == 0 and done.stdout.decode().split() == verdicts


def test_each_line_is_answered_before_the_next_is_asked_for():
    with subprocess.Popen([DRIVERS / "jws-check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for line, verdict in ((GOOD, b"valid\n"), (b"x", b"invalid\n")):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 20)[0], "nothing comes"
            assert process.stdout.readline() == verdict
        process.stdin.close()
        assert process.stdout.read() == b"" and process.wait(20) == 0


@pytest.mark.parametrize("driver", ["jws-check", "toml-decode", "json-check"])
def test_each_says_how_it_is_used(driver):
    done = subprocess.run([DRIVERS / driver, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and done.stdout.startswith(f"usage: {driver} <") and done.stderr == ""


# --- toml-decode: what toml-test has no case of, besides its limits ---
TOML_TAKEN = {
    "": {}, "\n": {}, "a = 1": {"a": {"type": "integer", "value": "1"}}, "\ufeffa = true\r\n": {"a": {"type": "bool", "value": "true"}},
    'a = "\\u0000\\u001f\\u007f\\"\\\\"': {"a": {"type": "string", "value": '\0\x1f\x7f"\\'}}, "a = nan": {"a": {"type": "float", "value": "nan"}},
    "a = [[[[[[[[]]]]]]]]": {"a": [[[[[[[[]]]]]]]]},
}
TOML_REFUSED = [b"\0", b"a = 1\0", b'a = "\0"', b"a = \xff", b'a = "\xed\xa0\x80"', b"a", b"=", b"[", b"a = 1\na = 2", b'a = "', b"a = [", b"a = {",
                b"a = " + b"[" * 100_000, b"a = " + b"{a = " * 50_000, b"a." * 100_000 + b"a = 1", b"a = 1\n" + b"#" * (256 * 1024),
                b"a = 1\n" + b"#" * 3_000_000, b"[[" * 50_000]


@pytest.mark.parametrize("document", TOML_TAKEN, ids=lambda text: repr(text[:20]))
def test_toml_is_taken(document):
    done = run("toml-decode", document)
    assert done.returncode == 0 and done.stderr == b"" and json.loads(done.stdout) == TOML_TAKEN[document]


@pytest.mark.parametrize("document", TOML_REFUSED, ids=lambda text: repr(text[:20]))
def test_toml_is_refused(document):
    done = run("toml-decode", document)
    assert done.returncode == 1 and done.stdout == b"" and done.stderr.count(b"\n") == 1 and len(done.stderr) < 1000


TAKEN = ["{}", "[]", "1", "-0", "1.5e-3", '""', "null", " true\n", '{"a":{"b":[1,{"c":"d"}]}}', '"\\u00e4\\ud83d\\ude00"',
         '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"ä😀\u2028"', "[" * 63 + "]" * 63, "123456789012345678901234567890", '"}, {"',
         '"' + "[" * 100 + '"', "[" + "1," * 1000 + "1]", "5e-324", '{"":0}']
REFUSED = ["", " ", "{", "}", "[1,]", '{"a":1,}', "{'a':1}", "01", "+1", ".5", "1.", "1e", "0x1", "NaN", "Infinity", "tru",
           "1 2", "{} x", '{"a" 1}', '{1:2}', '"a', '"\\x"', '"\\u12"', '"\t"', '"\n"', "/**/1", "\ufeff1", '["a":1]', "[1 2]",
           "\v1", "\u00a01", '1,"b":2', '1},{"c":1', '1}{"a":1', '1,"a":2', "[[1]", "[1]]", '{"a":1', ",", ":", "[,1]",
           # on purpose
           '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"a":1,"a":1}]', '"\\u0000"', '{"\\u0000":1}', '"\\ud800"', '"\\udc00x"',
           "1e999", "[" + "{}," * 70_000 + "{}]", "[" * 64 + "]" * 64, "[" * 100000, '"' + "x" * (1 << 20) + '"']
REFUSED_BYTES = [b"[" + b"1," * 3_000_000 + b"1]", b" " * 3_000_000, b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\x00"', b"1\x00",
                 b"\xff\xfe1\x00", b"[1]\x80"]


@pytest.mark.parametrize("document", TAKEN, ids=lambda text: repr(text[:20]))
def test_json_is_taken(document):
    assert run("json-check", document).returncode == 0


@pytest.mark.parametrize("document", REFUSED + REFUSED_BYTES, ids=lambda text: repr(text[:20]))
def test_json_is_refused(document):
    done = run("json-check", document)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
