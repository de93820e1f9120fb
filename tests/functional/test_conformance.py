"""The relying party's modules of the OpenID Foundation's conformance suite, one test each, by the suite's names; docs/conformance.md
is their table. The suite's expectation "no userinfo request" is ours "no request to the tracking server, and nothing is saved"."""
import jose
import pytest
import test_id_token
from browser import fetch
from program import FAILED
from provider import DROP
from scripted import Answer
from test_sign_in import waiting

ANOTHER = "https://evil.example.com"


def token_refused(world, reason, **changes):
    """A first sign-in whose ID token is changed so: refused for the right reason."""
    test_id_token.test_a_wrong_id_token_is_refused(world, test_id_token.Row("here", reason, **changes))


def row_refused(world, name):
    """The same by a row of test_id_token.py."""
    test_id_token.test_a_wrong_id_token_is_refused(world, next(row for row in test_id_token.REFUSED if row.name == name))


def accepted(world, **changes):
    world.person()
    test_id_token.Row("here", **changes).apply(world.provider)
    assert world.run("search()").ok() == ["Default"]


# --- Basic plan (oidcc-client-basic-certification-test-plan) ---
def test_oidcc_client_test(world):
    accepted(world)
    asked = world.provider.last("authorize").query
    assert asked["response_type"] == "code" and "openid" in asked["scope"].split()


def test_oidcc_client_test_invalid_iss(world):
    row_refused(world, "oidcc-client-test-invalid-iss")


def test_oidcc_client_test_missing_sub(world):
    row_refused(world, "oidcc-client-test-missing-sub")


def test_oidcc_client_test_invalid_aud(world):
    row_refused(world, "oidcc-client-test-invalid-aud")


def test_oidcc_client_test_missing_iat(world):
    row_refused(world, "oidcc-client-test-missing-iat")


def test_oidcc_client_test_kid_absent_single_jwks(world):
    accepted(world, header={"kid": DROP},
             prepare=lambda p: p.alter("jwks", lambda document: [key.pop("kid") for key in document["keys"]] and None))


def test_oidcc_client_test_kid_absent_multiple_jwks(world):
    """The suite takes either; trying each key would be guessing, so ours is refused, though the right one is among them."""

    def prepare(provider):
        test_id_token.two_unnamed_keys(provider)
        provider.alter("jwks", lambda document: [key.pop("kid") for key in document["keys"]] and None)

    token_refused(world, "names no kid: exactly one key must fit", prepare=prepare)


def test_oidcc_client_test_idtoken_sig_rs256(world):
    accepted(world, prepare=lambda p: setattr(p, "keys", [jose.Key("RS256")]))


def test_oidcc_client_test_idtoken_sig_none(world):
    """The suite serves such a token to clients that register for it; we never do, and refuse it (RFC 8725 §3.2)."""
    row_refused(world, "alg-none")


def test_oidcc_client_test_invalid_sig_rs256(world):
    row_refused(world, "oidcc-client-test-invalid-sig-rs256")


def asked_userinfo(world, program):
    """What comes of the one command that asks the userinfo endpoint, after a sign-in."""
    world.person()
    program("login").done()
    return program("status", "--online")


def test_oidcc_client_test_userinfo_invalid_sub(world, program):
    """OIDC Core §5.3.4: nothing of what it says is believed."""
    world.provider.alter("userinfo", lambda document: document.update(sub="mallory", email="m@evil.example"))
    ran = asked_userinfo(world, program)
    assert ran.status == FAILED and 'of "mallory", and its ID token was of "alice"' in ran.stderr
    assert "not confirmed" in ran.stdout and "evil" not in ran.stdout + ran.stderr


def test_oidcc_client_test_nonce_invalid(world):
    row_refused(world, "oidcc-client-test-nonce-invalid")


def test_oidcc_client_test_scope_userinfo_claims(world):
    """The scopes go out as they are set; no call needs claims of the userinfo endpoint: it is not asked."""
    world.person(scope="openid profile email address phone")
    world.run("search()").ok()
    assert world.provider.last("authorize").query["scope"].split() == ["openid", "profile", "email", "address", "phone"]
    assert world.provider.count("userinfo") == 0


def test_oidcc_client_test_client_secret_basic(world):
    world.provider.auth_methods = ["client_secret_basic"]
    world.write(world.robot_settings(interactive=True, redirect_uri=world.person_settings()["redirect-uri"]))
    world.run("search()").ok()
    request = world.token_requests("authorization_code")[-1]
    assert request.header("Authorization").startswith("Basic ") and "client_secret" not in request.form


# --- Config plan (oidcc-client-config-certification-test-plan) ---
def test_oidcc_client_test_discovery_openid_config(world):
    accepted(world)
    assert [r.path for r in world.provider.received("discovery")] == ["/.well-known/openid-configuration"]


def test_oidcc_client_test_discovery_jwks_uri_keys(world):
    """The keys come from where the document says, which the suite changes each time."""
    elsewhere = world.new_provider(path="/a/b/c-d-e-f")
    elsewhere.keys = world.provider.keys
    world.provider.keys = [jose.Key("RS256"), *world.provider.keys[1:]]
    world.provider.metadata["jwks_uri"] = f"{elsewhere.issuer}/jwks"
    accepted(world)
    assert elsewhere.count("jwks") == 1 and world.provider.count("jwks") == 0


def test_oidcc_client_test_discovery_issuer_mismatch(world):
    world.person()
    world.provider.metadata["issuer"] = ANOTHER
    world.run("search()").failed("protocol", "issuer", ANOTHER)
    assert world.provider.count("authorize") == world.provider.count("token") == 0 and world.server.requests == []


def test_oidcc_client_test_signing_key_rotation_just_before_signing(world):
    test_id_token.test_keys_that_rotate_between_discovery_and_signing(world)


def test_oidcc_client_test_signing_key_rotation(world):
    test_id_token.test_an_unknown_kid_fetches_the_jwks_once_more(world)


# --- Refresh plan (oidcc-client-refreshtoken-test-plan) ---
def renewed(world, **claims):
    """The outcome of a call whose token is renewed by an ID token with these claims, where nobody can sign in anew."""
    world.person()
    world.run("token()").ok()
    world.advance(301)
    world.provider.id_token.claims.update(claims)
    world.env["CI"] = "true"
    outcome = world.run("search()")
    assert len(world.token_requests("refresh_token")) == 1 and len(world.browser.openings) == 1
    return outcome


def renewal_refused(world, mention, **claims):
    renewed(world, **claims).failed("protocol", mention)
    assert world.server.requests == []


def test_oidcc_client_test_refresh_token(world):
    assert renewed(world).ok() == ["Default"]


def test_oidcc_client_test_refresh_token_invalid_issuer(world):
    renewal_refused(world, test_id_token.OTHER_ISS, iss=ANOTHER)


def test_oidcc_client_test_refresh_token_invalid_sub(world):
    renewal_refused(world, test_id_token.OTHER_SUB, sub="mallory")


# --- further modules of the general plan (oidcc-client-test-plan) and beside it ---
def test_oidcc_client_test_refresh_token_invalid_aud(world):
    renewal_refused(world, test_id_token.OTHER_AUD, aud="someone-else")


def test_oidcc_client_test_refresh_token_invalid_azp(world):
    renewal_refused(world, test_id_token.OTHER_AZP, azp="someone-else")


def test_oidcc_client_test_missing_aud(world):
    row_refused(world, "oidcc-client-test-missing-aud")


def test_oidcc_client_test_nonce_unless_code_flow(world):
    """In the code flow too."""
    world.person()
    world.run("token(), login()").ok()
    nonces = [r.query["nonce"] for r in world.provider.received("authorize")]
    assert len(set(nonces)) == 2 and all(len(nonce) >= 22 for nonce in nonces), "128 bits, and new each time"


def test_oidcc_client_test_invalid_athash(world):
    row_refused(world, "at_hash-wrong")


def test_oidcc_client_test_invalid_sig_es256(world):
    row_refused(world, "oidcc-client-test-invalid-sig-es256")


def test_oidcc_client_test_invalid_sig_hs256(world):
    row_refused(world, "alg-hs256-with-the-secret")


def test_oidcc_client_test_ignores_unparseable_key_in_jwks(world):
    unknown = [{"kty": "AKP", "alg": "ML-DSA-999", "kid": "pq", "use": "sig", "pub": "AAAA"}, {"kty": "MADE-UP", "kid": "x"}]
    accepted(world, prepare=lambda p: p.alter("jwks", lambda document: {"keys": [*unknown, *document["keys"]]}))


def test_oidcc_client_test_userinfo_bearer_header(world, program):
    """RFC 6750 §2.1."""
    assert "alice" in asked_userinfo(world, program).done()
    request = world.provider.last("userinfo")
    assert request.method == "GET" and request.bearer == world.provider.grants[-1].access_tokens[-1] and request.query == {}


def test_oidcc_client_test_userinfo_signed(world, program):
    """Not asked for, and not read without a check of its signature."""
    token = f"{jose.encode({'alg': 'none'})}.{jose.encode({'sub': 'alice'})}."
    world.provider.fault("userinfo", lambda request, normal: Answer(200, [("Content-Type", "application/jwt")], token.encode()))
    ran = asked_userinfo(world, program)
    assert ran.status == FAILED and "answers with a signed document, which is not read" in ran.stderr and "not confirmed" in ran.stdout


@pytest.mark.parametrize("claims", ["aggregated", "distributed"])
def test_oidcc_client_test_aggregated_and_distributed_claims(world, claims):
    """They are not asked for and not fetched, and do no harm."""
    source = {"JWT": "e30.e30."} if claims == "aggregated" else {"endpoint": f"{world.provider.issuer}/claims", "access_token": "x"}
    accepted(world, claims={"_claim_names": {"address": "src1"}, "_claim_sources": {"src1": source}})
    assert world.provider.count("other") == 0


def test_oidcc_client_test_mtls_endpoint_aliases(world):
    """RFC 8705 §5: a client without a certificate goes on using the plain ones."""
    aliases = {name: f"{ANOTHER}/{name}" for name in ("token_endpoint", "revocation_endpoint")}
    world.provider.metadata["mtls_endpoint_aliases"] = aliases
    accepted(world)


# --- FAPI2 Security Profile Final, client: the cases about the answer and the times ---
def answer_ends_it(world, mention, **reply):
    world.person()
    world.provider.callback.update(reply)
    world.run("search()").failed("protocol", mention)
    assert world.provider.count("token") == 0 and world.server.requests == []


def answer_is_ignored(world, **reply):
    """Without our state it may be anybody's, so the wait goes on; the true answer still ends it."""
    world.person()
    process, url = waiting(world)
    true = world.browser.callback_url(url)
    world.provider.callback.update(reply)
    assert fetch(world.browser.callback_url(url)).status >= 400
    assert process.busy() and world.provider.count("token") == 0
    assert fetch(true).status == 200
    process.wait().ok()
    process.end()


def test_fapi2_client_test_invalid_authorization_response_iss(world):
    answer_ends_it(world, f'comes from another issuer: "{ANOTHER}" (RFC 9207)', iss=ANOTHER)


def test_fapi2_client_test_remove_authorization_response_iss(world):
    answer_ends_it(world, "lacks the `iss` that the provider promises (RFC 9207)", iss=DROP)


def test_fapi2_client_test_ensure_authorization_response_with_invalid_state_fails(world):
    answer_is_ignored(world, state="another")


def test_fapi2_client_test_ensure_authorization_response_with_invalid_missing_state_fails(world):
    answer_is_ignored(world, state=DROP)


def test_fapi2_client_test_discovery_issuer_mismatch(world):
    test_oidcc_client_test_discovery_issuer_mismatch(world)


def test_fapi2_client_test_happy_path(world):
    accepted(world)


def test_fapi2_client_test_invalid_iss(world):
    row_refused(world, "oidcc-client-test-invalid-iss")


def test_fapi2_client_test_invalid_aud(world):
    row_refused(world, "oidcc-client-test-invalid-aud")


def test_fapi2_client_test_invalid_missing_aud(world):
    row_refused(world, "oidcc-client-test-missing-aud")


def test_fapi2_client_test_invalid_nonce(world):
    row_refused(world, "oidcc-client-test-nonce-invalid")


def test_fapi2_client_test_invalid_null_alg(world):
    row_refused(world, "alg-none")


def test_fapi2_client_refresh_token_test(world):
    assert renewed(world).ok() == ["Default"]


def test_fapi2_client_test_invalid_expired_exp(world):
    row_refused(world, "exp-past")


def test_fapi2_client_test_invalid_missing_exp(world):
    row_refused(world, "exp-missing")


def test_fapi2_client_test_invalid_missing_iss(world):
    row_refused(world, "iss-missing")


def test_fapi2_client_test_invalid_missing_nonce(world):
    row_refused(world, "nonce-missing")


def test_fapi2_client_test_invalid_secondary_aud(world):
    row_refused(world, "aud-several-without-azp")


def test_fapi2_client_test_valid_aud_as_array(world):
    accepted(world, claims={"aud": ["app"]})


def test_fapi2_client_test_token_endpoint_response_without_expires_in(world):
    world.provider.expires_in = DROP
    accepted(world)


def test_fapi2_client_test_token_type_case_insensitivity(world):
    world.provider.token_type = "bEaReR"
    accepted(world)
