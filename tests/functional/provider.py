"""A scriptable OpenID provider: right unless told otherwise, and able to do wrong what real providers will not.

    provider = Provider()
    provider.clients["app"] = None                      # a public client; a text is its secret
    provider.replace("token", 503, times=1)             # scripted.py: replace, alter, effect, hang, down, up, heal
    provider.id_token.claims["aud"] = "someone-else"    # or a function of the claims, or DROP
    provider.count("token"), provider.last("token").form
"""
import base64
import dataclasses
import hashlib
import secrets
import threading
import urllib.parse

import jose
from scripted import Answer, ScriptedServer

DROP = object()
ENDPOINTS = ("discovery", "oauth_discovery", "jwks", "authorize", "token", "revoke", "userinfo", "logout", "device", "par")


@dataclasses.dataclass
class IdTokenRecipe:
    """How ID tokens differ from right ones."""

    absent: bool = False
    ttl: float = 300
    claims: dict = dataclasses.field(default_factory=dict)  # name -> value, DROP, or a function of all claims
    header: dict = dataclasses.field(default_factory=dict)  # name -> value or DROP
    key: object = None  # another jose.Key than the provider's first
    alg: str | None = None  # what to sign with and write into the header
    sign: object = None  # signing input (bytes) -> signature (bytes)
    payload: object = None  # claims (dict) -> bytes of the payload
    token: object = None  # compact token (str) -> str

    def make(self, claims, key):
        key = self.key or key
        alg = self.alg or key.alg
        header = _overlay({"alg": alg, "kid": key.kid, "typ": "JWT"}, self.header)
        claims = _overlay(claims, self.claims)
        body = self.payload(claims) if self.payload else claims
        signing_input = f"{jose.encode(header)}.{jose.encode(body)}"
        sign = self.sign or (lambda data: key.sign(data, alg))
        token = f"{signing_input}.{jose.b64(sign(signing_input.encode()))}"
        return self.token(token) if self.token else token


def _overlay(document, changes):
    result = dict(document)
    for name, value in changes.items():
        if callable(value):
            value = value(document)
        if value is DROP:
            result.pop(name, None)
        else:
            result[name] = value
    return result


@dataclasses.dataclass
class Grant:
    """What one sign-in gave, and everything renewed from it."""

    client_id: str
    scope: str
    nonce: str | None
    sub: str | None
    refresh_token: str | None = None
    used_refresh_tokens: set = dataclasses.field(default_factory=set)
    access_tokens: list = dataclasses.field(default_factory=list)
    id_tokens: list = dataclasses.field(default_factory=list)
    revoked: bool = False


@dataclasses.dataclass
class Device:
    """A code that was given out (RFC 8628)."""

    client_id: str
    scope: str
    code: str
    user_code: str
    challenge: str | None
    ends_at: float
    state: str = "pending"  # or approved, denied, used
    asked_at: list = dataclasses.field(default_factory=list)  # times of the token requests


class Refusal(Exception):
    def __init__(self, error, status=400, description=None):
        super().__init__(error)
        self.document = {"error": error}
        if description is not None:
            self.document["error_description"] = description
        self.status = status


class Provider(ScriptedServer):
    def __init__(self, path="", **server):
        super().__init__(**server)
        self.path = path
        self.clients = {}
        self.keys = [jose.Key("RS256")]
        self.id_token = IdTokenRecipe()
        self.metadata = {}  # overlay of the discovery document
        self.callback = {}  # overlay of the redirect's query
        self.consent = True  # False: error=access_denied
        self.authorization_error = None  # (error, description) for the redirect
        self.auth_methods = ["client_secret_basic", "client_secret_post"]
        self.wrong_method_error = "invalid_client"
        self.refused_scopes = set()
        self.refused_scopes_error = "invalid_scope"  # of the authorization endpoint
        self.scopes_supported = ["openid", "profile", "email", "offline_access"]
        self.refresh = "always"  # or "offline_access" (asked for with prompt=consent), or "never"
        self.rotate = True
        self.id_token_on_refresh = True
        self.expires_in = 300  # DROP for none
        self.token_type = "Bearer"
        self.user = "alice"
        self.token_fields = {}  # overlay of every token reply
        self.new_access_token = lambda: "at." + secrets.token_urlsafe(24)
        self.secrets = set()  # every value that may stand in no text
        self.device_fields = {}  # overlay of the device authorization endpoint's reply
        self.device_interval = 5
        self.device_expires_in = 600
        self.device_pkce = "known"  # or "required", "refused" (at both endpoints), "refused later"
        self.devices = []
        self.pushed_required = False  # True: sign-ins have to be pushed (RFC 9126)
        self.grants = []
        self.sign_ins = 0  # approved authorization requests
        self._codes = {}
        self._pushed = {}  # request_uri -> the parameters that were pushed
        self._state = threading.RLock()
        self._expiry = {}

    @property
    def issuer(self):
        return self.base + self.path

    def add_client(self, client_id, secret=None):
        self.clients[client_id] = secret
        if secret:
            self.secrets.add(secret)
        return client_id

    # --- what the tracking server asks ---
    def accepts(self, token):
        """Whether a resource server would take this token now."""
        with self._state:
            for grant in self.grants:
                if token in grant.access_tokens or token in grant.id_tokens:
                    return not grant.revoked and not self.expired(token)
        return False

    def expired(self, token):
        expiry = self._expiry.get(token)
        return expiry is not None and self.clock() > expiry + 1

    def revoke_all(self):
        """Access tokens, ID tokens and refresh tokens given until now are worth nothing."""
        with self._state:
            for grant in self.grants:
                grant.revoked = True

    def revoke_access(self):
        """The tracking server refuses what was given until now; refresh tokens go on working."""
        with self._state:
            for grant in self.grants:
                grant.access_tokens.clear()
                grant.id_tokens.clear()

    def revoke_refresh(self):
        with self._state:
            for grant in self.grants:
                grant.used_refresh_tokens.add(grant.refresh_token)
                grant.refresh_token = None

    def rotate_keys(self, label="second", keep_old=False):
        fresh = jose.Key(self.keys[0].alg, label=label)
        self.keys = [fresh, *self.keys] if keep_old else [fresh]

    # --- endpoints ---
    def route(self, path):
        known = {
            f"{self.path.rstrip('/')}/.well-known/openid-configuration": "discovery",
            f"/.well-known/oauth-authorization-server{self.path.rstrip('/')}": "oauth_discovery",
            **{f"{self.path.rstrip('/')}/{name}": name for name in ENDPOINTS[2:]},
        }
        return known.get(path, "other")

    def respond(self, request):
        return getattr(self, "_" + request.endpoint, lambda _: Answer(404, [("Content-Type", "text/plain")], b"no"))(
            request
        )

    def _discovery(self, request):
        base = self.base + self.path.rstrip("/")
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "revocation_endpoint": f"{base}/revoke",
            "device_authorization_endpoint": f"{base}/device",
            "userinfo_endpoint": f"{base}/userinfo",
            "end_session_endpoint": f"{base}/logout",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [*jose.ALGORITHMS],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": self.scopes_supported,
            "token_endpoint_auth_methods_supported": [*self.auth_methods, "none"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self.pushed_required:
            document |= {"pushed_authorization_request_endpoint": f"{base}/par", "require_pushed_authorization_requests": True}
        return Answer.of_json(_overlay(document, self.metadata))

    _oauth_discovery = _discovery

    def _jwks(self, request):
        return Answer.of_json({"keys": [key.jwk for key in self.keys]})

    def _authorize(self, request):
        asked = request.query
        if self.pushed_required:
            pushed = self._pushed.pop(asked.get("request_uri"), None)  # RFC 9126 §7.3: good for one use
            if pushed is None or asked != {"client_id": pushed["client_id"], "request_uri": asked["request_uri"]}:
                return Answer(400, [("Content-Type", "text/html")], b"<h1>Pushed Authorization Request must be used</h1>")
            asked = pushed
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") not in self.clients or urllib.parse.urlsplit(redirect_uri).scheme != "http":
            # RFC 6749 §4.1.2.1: never redirected.
            return Answer(400, [("Content-Type", "text/html")], b"<h1>unknown client or redirect_uri</h1>")
        reply = {"state": asked.get("state"), "iss": self.issuer}
        denied = not self.consent or request.header("X-Decision") == "deny"
        refused = self.refused_scopes & set(asked.get("scope", "").split())
        if asked.get("response_type") != "code":
            reply["error"] = "unsupported_response_type"
        elif asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            reply["error"] = "invalid_request"
            reply["error_description"] = "PKCE with S256 is required"
        elif self.authorization_error:
            reply["error"], reply["error_description"] = self.authorization_error
        elif refused:
            reply["error"] = self.refused_scopes_error
        elif denied:
            reply["error"] = "access_denied"
        else:
            reply["code"] = self._new_code(asked)
        reply = {k: v for k, v in _overlay(reply, self.callback).items() if v is not None}
        separator = "&" if "?" in redirect_uri else "?"
        return Answer(302, [("Location", redirect_uri + separator + urllib.parse.urlencode(reply))])

    def _par(self, request):
        """RFC 9126 §2.1: the parameters of the sign-in, and the client authenticated as at the token endpoint."""
        try:
            with self._state:
                if any(len(v) > 1 for name, v in request.form_lists.items() if name != "resource"):
                    raise Refusal("invalid_request", description="a parameter was repeated")
                client_id = self._authenticate(request)
                asked = {name: value for name, value in request.form.items() if name != "client_secret"}
                if asked.get("client_id") != client_id or "request_uri" in asked:
                    raise Refusal("invalid_request", description="not the request of this client")
                if self.refused_scopes & set(asked.get("scope", "").split()):
                    raise Refusal("invalid_scope")
                uri = "urn:ietf:params:oauth:request_uri:" + secrets.token_urlsafe(16)
                self._pushed[uri] = asked
                return Answer.of_json({"request_uri": uri, "expires_in": 60}, 201)
        except Refusal as refusal:
            return Answer.of_json(refusal.document, refusal.status)

    def _new_code(self, asked):
        code = "ac." + secrets.token_urlsafe(24)
        with self._state:
            self._codes[code] = dict(asked)
            self.secrets.add(code)
            self.sign_ins += 1
        return code

    def _token(self, request):
        form = request.form
        self.secrets.update(form[name] for name in ("code_verifier",) if form.get(name))
        try:
            with self._state:
                if any(len(v) > 1 for name, v in request.form_lists.items() if name != "resource"):  # RFC 8707 §2.2
                    raise Refusal("invalid_request", description="a parameter was repeated")
                client_id = self._authenticate(request)
                grants = {
                    "authorization_code": self._by_code,
                    "refresh_token": self._by_refresh_token,
                    "client_credentials": self._by_client_credentials,
                    "urn:ietf:params:oauth:grant-type:device_code": self._by_device_code,
                }
                if form.get("grant_type") not in grants:
                    raise Refusal("unsupported_grant_type")
                return Answer.of_json(grants[form["grant_type"]](client_id, form))
        except Refusal as refusal:
            headers = [("WWW-Authenticate", 'Basic realm="token"')] if refusal.status == 401 else []
            return Answer.of_json(refusal.document, refusal.status, headers)

    def _authenticate(self, request):
        """RFC 6749 §2.3.1: id and secret are form-urlencoded before they are joined and base64 encoded."""
        basic = request.header("Authorization")
        form = request.form
        if basic is not None:
            if "client_secret" in form:
                raise Refusal("invalid_request", description="two ways of client authentication")
            method, decoded = "client_secret_basic", base64.b64decode(basic.split(" ", 1)[1]).decode()
            client_id, secret = (urllib.parse.unquote_plus(part) for part in decoded.split(":", 1))
        else:
            client_id, secret = form.get("client_id"), form.get("client_secret")
            method = "none" if secret is None else "client_secret_post"
        if method != "none" and method not in self.auth_methods:
            raise Refusal(self.wrong_method_error, 401)
        if client_id not in self.clients or self.clients[client_id] != secret:
            raise Refusal("invalid_client", 401)
        return client_id

    def _by_code(self, client_id, form):
        asked = self._codes.pop(form.get("code"), None)
        if asked is None or asked["client_id"] != client_id or asked["redirect_uri"] != form.get("redirect_uri"):
            raise Refusal("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if jose.b64(digest) != asked["code_challenge"]:
            raise Refusal("invalid_grant", description="PKCE verification failed")
        scope = asked.get("scope", "")
        grant = Grant(client_id, scope, asked.get("nonce"), self.user)
        self.grants.append(grant)
        offline = "offline_access" in scope.split() and "consent" in asked.get("prompt", "").split()
        return self._issue(grant, refresh=self.refresh == "always" or (self.refresh == "offline_access" and offline))

    def _by_refresh_token(self, client_id, form):
        presented = form.get("refresh_token")
        for grant in self.grants:
            if grant.client_id != client_id:
                continue
            if presented is not None and presented in grant.used_refresh_tokens:
                grant.revoked = True  # a refresh token came twice: the family ends (RFC 9700 §4.14.2)
                raise Refusal("invalid_grant", description="reused")
            if presented is not None and presented == grant.refresh_token and not grant.revoked:
                if self.rotate:
                    grant.used_refresh_tokens.add(presented)
                return self._issue(grant, refresh=self.rotate, renewal=True)
        raise Refusal("invalid_grant")

    def _by_client_credentials(self, client_id, form):
        if self.clients[client_id] is None:
            raise Refusal("unauthorized_client")
        scope = form.get("scope", "")
        if {"openid", *self.refused_scopes} & set(scope.split()):
            raise Refusal("invalid_scope")
        grant = Grant(client_id, scope, None, None)
        self.grants.append(grant)
        return self._issue(grant, refresh=False)

    # --- device flow ---
    def _device(self, request):
        form = request.form
        try:
            with self._state:
                client_id = self._authenticate(request)
                challenge = form.get("code_challenge")
                if self.device_pkce == "required" and (challenge is None or form.get("code_challenge_method") != "S256"):
                    raise Refusal("invalid_request", description="Missing parameter: code_challenge_method")
                if self.device_pkce == "refused" and challenge is not None:
                    raise Refusal("invalid_request", description="Parameter not allowed: code_challenge")
                if self.refused_scopes & set(form.get("scope", "").split()):
                    raise Refusal("invalid_scope")
                return Answer.of_json(_overlay(self._new_device(client_id, form), self.device_fields))
        except Refusal as refusal:
            return Answer.of_json(refusal.document, refusal.status)

    def _new_device(self, client_id, form):
        letters = [secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8)]
        device = Device(
            client_id, form.get("scope", ""), "dc." + secrets.token_urlsafe(24), f"{''.join(letters[:4])}-{''.join(letters[4:])}",
            form.get("code_challenge") if self.device_pkce in ("known", "required") else None,
            self.clock() + self.device_expires_in,
        )
        self.devices.append(device)
        self.secrets.add(device.code)
        page = f"{self.base}{self.path.rstrip('/')}/activate"
        return {
            "device_code": device.code,
            "user_code": device.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={device.user_code}",
            "expires_in": self.device_expires_in,
            "interval": self.device_interval,
        }

    def decide(self, user_code, state="approved"):
        """The person at the provider's page."""
        with self._state:
            next(d for d in self.devices if d.user_code == user_code).state = state

    def _by_device_code(self, client_id, form):
        device = next((d for d in self.devices if d.code == form.get("device_code")), None)
        if device is None or device.client_id != client_id or device.state == "used":
            raise Refusal("invalid_grant")
        device.asked_at.append(self.clock())
        if self.device_pkce in ("refused", "refused later") and "code_verifier" in form:
            raise Refusal("invalid_request", description="Parameter not allowed: code_verifier")
        if device.challenge is not None:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if jose.b64(digest) != device.challenge:
                raise Refusal("invalid_grant", description="PKCE verification failed")
        if self.clock() > device.ends_at:
            raise Refusal("expired_token")
        if device.state == "denied":
            raise Refusal("access_denied", description="the person said no")
        if device.state == "pending":
            raise Refusal("authorization_pending")
        device.state = "used"
        grant = Grant(client_id, device.scope, None, self.user)
        self.grants.append(grant)
        self.sign_ins += 1
        return self._issue(grant, refresh=self.refresh == "always" or "offline_access" in device.scope.split())

    def _issue(self, grant, refresh, renewal=False):
        now = self.clock()
        access_token = self.new_access_token()
        grant.access_tokens.append(access_token)
        document = {"access_token": access_token, "token_type": self.token_type, "scope": grant.scope}
        if self.expires_in is not DROP:
            document["expires_in"] = self.expires_in
            if isinstance(self.expires_in, (int, float)):
                self._expiry[access_token] = now + self.expires_in
        if refresh:
            grant.refresh_token = document["refresh_token"] = "rt." + secrets.token_urlsafe(24)
        if grant.sub is not None and "openid" in grant.scope.split() and not self.id_token.absent:
            if not renewal or self.id_token_on_refresh:
                document["id_token"] = self._id_token(grant, access_token, now, renewal)
        document = _overlay(document, self.token_fields)
        for name in ("access_token", "refresh_token", "id_token"):
            if isinstance(document.get(name), str) and document[name]:
                self.secrets.add(document[name])
        return document

    def _id_token(self, grant, access_token, now, renewal):
        key = self.keys[0]
        claims = {
            "iss": self.issuer,
            "sub": grant.sub,
            "aud": grant.client_id,
            "iat": int(now),
            "exp": int(now + self.id_token.ttl),
            "auth_time": int(now),
            "at_hash": jose.half_hash(self.id_token.alg or (self.id_token.key or key).alg, access_token),
        }
        if grant.nonce is not None and not renewal:
            claims["nonce"] = grant.nonce
        token = self.id_token.make(claims, key)
        grant.id_tokens.append(token)
        try:
            self._expiry[token] = float(jose.claims_of(token)["exp"])
        except (ValueError, KeyError, TypeError, IndexError, RecursionError, OverflowError):
            pass  # a token made wrong on purpose
        return token

    def _revoke(self, request):
        token = request.form.get("token")
        with self._state:
            for grant in self.grants:
                if token == grant.refresh_token or token in grant.access_tokens:
                    grant.revoked = True
        return Answer(200)

    def _userinfo(self, request):
        """OIDC Core §5.3: whose access token it is."""
        for grant in self.grants:
            if request.bearer in grant.access_tokens and not grant.revoked and not self.expired(request.bearer):
                claims = {name: self.id_token.claims[name] for name in ("preferred_username", "email") if name in self.id_token.claims}
                return Answer.of_json({"sub": grant.sub, **claims})
        return Answer.of_json({"error": "invalid_token"}, 401, [("WWW-Authenticate", 'Bearer error="invalid_token"')])

    def _logout(self, request):
        return Answer(200, [("Content-Type", "text/html")], b"<h1>Do you want to log out?</h1>")
