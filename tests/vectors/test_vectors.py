# SPDX-License-Identifier: MIT
"""Test vectors of others through the real code: the RFCs' examples, signatures by joserfc and PyJWT, JSON.

The folder of the drivers is in MOIDC_VECTORS.
"""

import base64
import json
import os
import re
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


def test_a_line_that_is_no_row_is_invalid():
    assert run("jws-check", 'x\n{}\n{"jwk":1,"jws":"a.b.c"}\n{"jwk":{},"jws":1}\n').stdout.split() == [b"invalid"] * 4


TAKEN = ["{}", "[]", "1", "-0", "1.5e-3", '""', "null", " true\n", '{"a":{"b":[1,{"c":"d"}]}}', '"\\u00e4\\ud83d\\ude00"',
         '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"ä😀\u2028"', "[" * 63 + "]" * 63, "123456789012345678901234567890", '"}, {"',
         '"' + "[" * 100 + '"', "[" + "1," * 1000 + "1]", "5e-324", '{"":0}']
REFUSED = ["", " ", "{", "}", "[1,]", '{"a":1,}', "{'a':1}", "01", "+1", ".5", "1.", "1e", "0x1", "NaN", "Infinity", "tru",
           "1 2", "{} x", '{"a" 1}', '{1:2}', '"a', '"\\x"', '"\\u12"', '"\t"', '"\n"', "/**/1", "\ufeff1", '["a":1]', "[1 2]",
           "\v1", "\u00a01", '1,"b":2', '1},{"c":1', '1}{"a":1', '1,"a":2', "[[1]", "[1]]", '{"a":1', ",", ":", "[,1]",
           # on purpose
           '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"a":1,"a":1}]', '"\\u0000"', '{"\\u0000":1}', '"\\ud800"', '"\\udc00x"',
           "1e999", "[" * 64 + "]" * 64, "[" * 100000, '"' + "x" * (1 << 20) + '"']
REFUSED_BYTES = [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\x00"', b"1\x00",
                 b"\xff\xfe1\x00", b"[1]\x80"]


@pytest.mark.parametrize("document", TAKEN, ids=lambda text: repr(text[:20]))
def test_json_is_taken(document):
    assert run("json-check", document).returncode == 0


@pytest.mark.parametrize("document", REFUSED + REFUSED_BYTES, ids=lambda text: repr(text[:20]))
def test_json_is_refused(document):
    done = run("json-check", document)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
