"""Keys and JWS signatures of the scriptable provider, on `cryptography` alone: it must be able to sign wrongly, which libraries refuse."""
import base64
import functools
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": ("P-256", ec.SECP256R1, 32), "ES384": ("P-384", ec.SECP384R1, 48), "ES512": ("P-521", ec.SECP521R1, 66)}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


@functools.lru_cache(maxsize=None)
def private_key(kind, label, bits=2048):
    """One private key for each kind and label in the whole run: RSA keys are slow to make."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    if kind == "OKP":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind][1]())


class Key:
    """A signing key: `alg` says how it signs, `kid` and `label` which one it is; `jwk` is what the provider publishes."""

    def __init__(self, alg="RS256", kid=None, label="first", bits=2048):
        kind = {"R": "RSA", "P": "RSA", "E": alg}[alg[0]] if alg != "EdDSA" else "OKP"
        self.alg, self.kid = alg, kid or f"{label}-{alg.lower()}"
        self.private = private_key(kind, label, bits)

    @property
    def jwk(self):
        public = self.private.public_key()
        common = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **common}
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **common}
        crv, _, length = CURVES[self.alg]
        numbers = public.public_numbers()
        return {"kty": "EC", "crv": crv, "x": number(numbers.x, length), "y": number(numbers.y, length), **common}

    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, data, alg=None):
        alg = alg or self.alg
        if alg == "EdDSA":
            return self.private.sign(data)
        digest = HASHES[alg[2:]]()
        if alg.startswith("RS"):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if alg.startswith("PS"):
            return self.private.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        length = CURVES[alg][2]
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    def sign_der(self, data):
        """ECDSA in DER, as JOSE does not allow it."""
        return self.private.sign(data, ec.ECDSA(HASHES[self.alg[2:]]()))


def hs256(secret, data):
    return hmac.new(secret, data, hashlib.sha256).digest()


def half_hash(alg, text):
    """`at_hash` of OIDC Core 3.1.3.6: the left half of the hash that the algorithm names; SHA-512 for Ed25519."""
    name = "sha512" if alg == "EdDSA" else "sha" + alg[2:] if alg[2:] in HASHES else "sha256"
    digest = hashlib.new(name, text.encode()).digest()
    return b64(digest[: len(digest) // 2])


def encode(part):
    """A JSON part of a token; bytes go in as they are, for parts that are no JSON."""
    return b64(part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode())


def claims_of(token):
    """The claims of a compact token, without any check."""
    return json.loads(unb64(token.split(".")[1]))
