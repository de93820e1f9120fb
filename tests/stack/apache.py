"""Apache in front of `mlflow server`, checking bearer tokens in one of three ways."""

import os
import shutil
import textwrap
from pathlib import Path

from .process import Server, http_get

MODULES = Path("/usr/lib/apache2/modules")
MODES = ("oauth20", "auth-openidc", "mod_oauth2")

_COMMON = """
ServerRoot {run_dir}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {run_dir}/apache-{port}.pid
DefaultRuntimeDir {run_dir}
Mutex posixsem
ErrorLog {log}
LogLevel warn
LogFormat "%m %U %>s" requests
CustomLog {requests} requests
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
StartServers 1
ServerLimit 2
ThreadsPerChild 32
MinSpareThreads 8
MaxSpareThreads 64
MaxRequestWorkers 64

ProxyPass /redirect_uri !
ProxyPass /provider-metadata {metadata_url}
ProxyPass / {upstream}/
ProxyPassReverse / {upstream}/
"""

# mod_auth_openidc wants https for a JWKS URI of its own, but not for one that metadata names. An introspection
# endpoint in there would be asked instead, so it is renamed on the way; the tokens are to be checked by JWKS.
_METADATA = """
        LoadModule filter_module {modules}/mod_filter.so
        LoadModule substitute_module {modules}/mod_substitute.so
        <Location /provider-metadata>
          AuthType None
          Require all granted
          AddOutputFilterByType SUBSTITUTE application/json
          Substitute s/"introspection_endpoint"/"unused"/n
        </Location>
        OIDCOAuthServerMetadataURL {url}/provider-metadata
        """

# The directives a user needs, per module: who signed the token, and whom it is for.
_CHECKS = {
    "oauth20": """
        LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
        OIDCOAuthRemoteUserClaim sub
        <Location />
          AuthType oauth20
          {require}
        </Location>
        """
    + _METADATA,
    # A browser without a token is sent to the provider, a program gets a 401.
    "auth-openidc": """
        LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
        OIDCProviderMetadataURL {metadata_url}
        OIDCClientID mlflow-proxy
        OIDCRedirectURI {url}/redirect_uri
        OIDCCryptoPassphrase not-used-for-bearer-tokens
        OIDCOAuthRemoteUserClaim sub
        <Location />
          AuthType auth-openidc
          {require}
        </Location>
        """
    + _METADATA,
    "mod_oauth2": """
        LoadModule oauth2_module {modules}/mod_oauth2.so
        OAuth2TokenVerify jwks_uri {jwks_uri} jwks_uri.ssl_verify=false
        <Location />
          AuthType oauth2
          {require}
        </Location>
        """,
}
_REQUIRE = {"oauth20": "Require claim", "auth-openidc": "Require claim", "mod_oauth2": "Require oauth2_claim"}


class Apache(Server):
    name = "apache"

    def __init__(self, run_dir, mode, provider, upstream, audiences):
        super().__init__(run_dir)
        self.mode = mode
        self.requests_log = self.run_dir / f"apache-{self.port}.requests"
        values = {
            "run_dir": self.run_dir,
            "port": self.port,
            "url": self.url,
            "log": self.log,
            "requests": self.requests_log,
            "modules": MODULES,
            "upstream": upstream,
            "jwks_uri": provider.jwks_uri,
            "metadata_url": f"{provider.issuer}/.well-known/openid-configuration",
            "user": "User www-data\nGroup www-data" if os.geteuid() == 0 else "",
            "require": "\n  ".join(f"{_REQUIRE[mode]} aud:{audience}" for audience in audiences),
        }
        self.config = self.run_dir / f"apache-{self.port}.conf"
        self.config.write_text((_COMMON + textwrap.dedent(_CHECKS[mode])).format(**values))
        self.run()

    def run(self):
        apache = shutil.which("apache2", path=os.environ.get("PATH", "") + ":/usr/sbin")
        return self.start([apache, "-f", self.config, "-DFOREGROUND"])

    def is_ready(self):
        # Anything but "no token, no entry" would make the tests worthless.
        try:
            status = http_get(self.url)[0]
        except OSError:
            return False
        if status not in (401, 302):
            raise RuntimeError(f"{self.mode} lets a request without a token through: status {status}")
        return True

    def restart(self):
        """Also forgets the signing keys that it fetched."""
        self.stop()
        return self.run().wait()

    def requests(self):
        """[(method, path, status)] so far."""
        lines = self.requests_log.read_text().splitlines()
        return [(method, path, int(status)) for method, path, status in (line.split() for line in lines)]
