"""contract.md, "Settings"."""
import calendar
import os
import ssl
import time

import pytest
from browser import fetch
from stack.process import free_port
from world import SOON_S, block, variable

FILE, ENVIRONMENT = "file", "environment"


def give(world, source, settings):
    """The settings, in the file or in the environment."""
    if source == FILE:
        world.write(settings)
    else:
        world.set_variables(settings)


# --- the nine settings, from both sources ---
@pytest.fixture(params=[FILE, ENVIRONMENT])
def source(request):
    return request.param


def test_uri_and_issuer_and_client_id_sign_a_person_in(world, source):
    give(world, source, world.person_settings())
    assert world.run("search()").ok() == ["Default"]
    asked = world.provider.last("authorize").query
    assert asked["client_id"] == "app" and asked["scope"] == "openid profile email"
    assert world.provider.last("token").form["client_id"] == "app"
    assert "client_secret" not in world.provider.last("token").form


def test_client_secret_signs_in_without_a_person_and_sends_the_access_token(world, source):
    give(world, source, world.robot_settings())
    assert world.run("search()").ok() == ["Default"]
    assert world.provider.last("token").form["grant_type"] == "client_credentials"
    assert world.server.tokens()[0] in world.provider.grants[0].access_tokens
    assert world.browser.openings == []


def test_redirect_uri_is_where_the_browser_comes_back_to(world, source):
    wanted = f"http://127.0.0.1:{free_port()}/another/path"
    give(world, source, world.person_settings(redirect_uri=wanted))
    world.run("search()").ok()
    assert world.provider.last("authorize").query["redirect_uri"] == wanted
    assert world.provider.last("token").form["redirect_uri"] == wanted
    assert world.browser.wait_for_page()["url"].startswith(wanted + "?")


def test_the_default_redirect_uri(world, source):
    give(world, source, world.person_settings(redirect_uri=None))
    world.run("search()").ok()
    assert world.provider.last("authorize").query["redirect_uri"] == "http://127.0.0.1:39303/oauth2/callback"


def test_scope_goes_out_unchanged(world, source):
    give(world, source, world.person_settings(scope="openid  mlflow:read api://app/.default"))
    world.run("search()").ok()
    assert world.provider.last("authorize").query["scope"] == "openid  mlflow:read api://app/.default"


def test_audience_goes_with_every_request_when_set(world, source):
    give(world, source, world.person_settings(audience="https://mlflow.example.com/api"))
    world.run("search()").ok()
    world.advance(301)
    world.run("search()").ok()
    assert world.provider.last("authorize").query["audience"] == "https://mlflow.example.com/api"
    code, refresh = world.token_requests()
    assert refresh.form["grant_type"] == "refresh_token"
    assert code.form["audience"] == refresh.form["audience"] == "https://mlflow.example.com/api"


def test_interactive_with_a_secret_signs_a_person_in(world, source):
    give(world, source, world.robot_settings(interactive=True, redirect_uri=world.person_settings()["redirect-uri"]))
    world.run("search()").ok()
    assert world.provider.last("token").form["grant_type"] == "authorization_code"
    assert len(world.browser.openings) == 1


@pytest.mark.parametrize("use_id_token", [True, False])
def test_use_id_token_decides_what_is_sent(world, source, use_id_token):
    give(world, source, world.person_settings(use_id_token=use_id_token))
    world.run("search()").ok()
    grant = world.provider.grants[0]
    assert world.server.tokens()[-1] in (grant.id_tokens if use_id_token else grant.access_tokens)


def test_a_person_sends_the_id_token_by_default(world):
    world.person()
    assert world.run("token()").ok() in world.provider.grants[0].id_tokens


def test_a_secret_and_use_id_token_needs_a_sign_in_that_brings_one(world):
    world.robot(use_id_token=True)
    world.run("token()").failed(None, ("use-id-token", "USE_ID_TOKEN"))


# --- precedence ---
def test_a_variable_wins_over_the_file_setting_by_setting(world):
    world.person(scope="openid from-file", audience="from-file")
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.env["MLFLOW_TRACKING_OIDC_SCOPE"] = "openid from-variable"
    world.run("search()").ok()
    asked = world.provider.last("authorize").query
    assert asked["scope"] == "openid from-variable" and asked["audience"] == "from-file" and asked["client_id"] == "app"


def test_an_empty_variable_counts_as_unset(world):
    world.person(scope="openid from-file")
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    for key in ("scope", "client-id", "issuer", "client-secret", "interactive", "audience"):
        world.env[variable(key)] = ""
    world.run("search()").ok()
    asked = world.provider.last("authorize").query
    assert asked["scope"] == "openid from-file" and asked["client_id"] == "app" and "audience" not in asked


def test_a_secret_in_a_variable_completes_the_file(world):
    world.robot(client_secret=None)
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    world.env["MLFLOW_TRACKING_OIDC_CLIENT_SECRET"] = world.provider.clients["robot"]
    world.run("search()").ok()
    assert world.provider.last("token").form["grant_type"] == "client_credentials"


# --- booleans ---
TRUE = ["true", "yes", "1", "on", "TRUE", "Yes", "On"]
FALSE = ["false", "no", "0", "off", "False", "NO", "Off"]


def test_boolean_words_in_variables(world):
    """All words in one process each, through use-id-token: it shows in what is given, without another sign-in."""
    world.set_variables(world.person_settings())
    for word in TRUE + FALSE:
        given = world.run("token()", MLFLOW_TRACKING_OIDC_USE_ID_TOKEN=word).ok()
        assert (given.count(".") == 2) == (word in TRUE), word


@pytest.mark.parametrize("word", ["maybe", "2", "y", "t", " true", "-1"])
def test_another_word_is_an_error_that_names_setting_and_variable(world, word):
    world.set_variables(world.person_settings())
    world.env["MLFLOW_TRACKING_OIDC_INTERACTIVE"] = word
    world.run("token()").failed("configuration", "MLFLOW_TRACKING_OIDC_INTERACTIVE", "interactive")
    assert world.provider.requests == []


@pytest.mark.parametrize("value", ['"maybe"', "2", "[true]", "1.0", "2020-01-01", '""'])
def test_another_toml_value_is_an_error_that_names_key_and_file(world, value):
    path = world.write(text=block(world.person_settings()).rstrip() + f"\nuse-id-token = {value}\n")
    world.run("token()").failed("configuration", "use-id-token", str(path))


@pytest.mark.parametrize("key", ["uri", "issuer", "client-id", "client-secret", "redirect-uri", "scope", "audience"])
def test_a_text_setting_of_another_toml_type_is_an_error_that_names_key_and_file(world, key):
    settings = world.person_settings(scope="openid", audience="x", client_secret="y")
    text = block(settings).replace(f"\n{key} = ", f"\n{key} = [1] #")
    path = world.write(text=text)
    world.run("token()").failed("configuration", key, str(path))


# --- what is missing ---
@pytest.mark.parametrize("key", ["issuer", "client-id"])
@pytest.mark.parametrize("other", ["SCOPE", "INTERACTIVE", "AUDIENCE", "USE_ID_TOKEN", "REDIRECT_URI", "CLIENT_SECRET"])
def test_any_oidc_variable_describes_its_server_so_a_missing_one_is_an_error(world, key, other):
    settings = world.person_settings(redirect_uri=None)
    del settings[key]
    world.set_variables(settings)
    world.env["MLFLOW_TRACKING_OIDC_" + other] = "true"
    world.run("search()").failed(None, variable(key))
    assert world.server.requests == []


@pytest.mark.parametrize("key", ["issuer", "client-id"])
def test_a_missing_required_key_is_an_error_that_names_it_and_the_file(world, key):
    settings = world.person_settings()
    del settings[key]
    path = world.write(settings)
    world.run("token()").failed("configuration", key, str(path))


def test_a_block_without_uri_is_an_error_that_names_it_and_the_file(world):
    settings = world.person_settings()
    del settings["uri"]
    path = world.write(settings)
    world.run("token()").failed("configuration", "uri", str(path))


def test_no_secret_and_not_interactive_uses_cache_and_refresh_only(world):
    world.person()
    first = world.run("token()").ok()
    world.person(interactive=False)
    assert world.run("token()").ok() == first
    world.advance(301)
    assert world.run("token()").ok() != first
    assert world.provider.last("token").form["grant_type"] == "refresh_token"
    world.provider.revoke_all()
    world.advance(301)
    world.run("token()").failed("login_required", ("interactive", "sign in", "login"))
    assert len(world.browser.openings) == 1


def test_no_secret_and_not_interactive_without_a_cache_is_an_error(world):
    world.person(interactive=False)
    world.run("search()").failed("login_required", ("interactive", "sign in", "login"))
    assert world.browser.openings == [] and world.provider.count("token") == 0


# --- the file ---
def test_the_nearest_file_with_the_table_is_taken(world):
    below = world.cwd / "a" / "b"
    world.robot()
    (world.cwd / "a").mkdir()
    (world.cwd / "a" / "pyproject.toml").write_text("[project]\nname = 'without the table'\n")
    below.mkdir()
    world.run("search()", cwd=below).ok()


def test_a_nearer_file_hides_those_above(world):
    world.robot()
    other = {**world.robot_settings(), "uri": "http://other.example.com"}
    world.write(other, folder=world.cwd / "a")
    world.run("token()", cwd=world.cwd / "a").failed("configuration")


def test_the_directory_at_import_comes_before_the_current_one(world):
    world.write(world.robot_settings(scope="at-import"), folder=world.folder / "import")
    world.write(world.robot_settings(scope="current"), folder=world.folder / "current")
    with world.process(cwd=world.folder / "import") as process:
        process.do("import mlflow_oidc_client").ok()
        process.do(f"os.chdir({str(world.folder / 'current')!r})").ok()
        process.do("search()").ok()
    assert world.provider.last("token").form["scope"] == "at-import"


def test_the_current_directory_counts_when_that_at_import_has_no_table(world):
    world.write(world.robot_settings(), folder=world.folder / "current")
    with world.process() as process:
        process.do("import mlflow_oidc_client").ok()
        process.do(f"os.chdir({str(world.folder / 'current')!r})").ok()
        process.do("search()").ok()


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_file_above_that_others_can_write_does_not_count(world, mode):
    path = world.robot()
    path.chmod(mode)
    (world.cwd / "a").mkdir()
    world.run("token()", cwd=world.cwd / "a").failed("configuration")
    assert world.provider.requests == []


def test_a_file_above_of_another_user_does_not_count(world):
    """Only root can give a file away; another user checks the second half alone."""
    path = world.robot()
    (world.cwd / "a").mkdir()
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
        world.run("token()", cwd=world.cwd / "a").failed("configuration")
        os.chown(path, 0, 0)
    world.run("token()", cwd=world.cwd / "a").ok()


def test_a_link_above_of_another_user_does_not_count(world):
    """Else a neighbour could choose among the files of ours, one of a repository that we cloned for example."""
    path = world.robot()
    path.rename(world.folder / "cloned.toml")
    path.symlink_to(world.folder / "cloned.toml")
    (world.cwd / "a").mkdir()
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534, follow_symlinks=False)
        world.run("token()", cwd=world.cwd / "a").failed("configuration")
        assert world.provider.requests == []
        os.chown(path, 0, 0, follow_symlinks=False)
    world.run("token()", cwd=world.cwd / "a").ok()


def test_the_file_in_the_working_directory_counts_whatever_its_mode(world):
    world.robot().chmod(0o666)
    world.run("token()").ok()


def test_the_users_own_file(world):
    world.write_user_file(world.robot_settings())
    world.run("search()").ok()


def test_the_users_own_file_without_xdg_config_home(world):
    path = world.home / ".config" / "mlflow-oidc-client" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(block(world.robot_settings(), "tracking-servers"))
    world.run("search()", unset=["XDG_CONFIG_HOME"]).ok()


def test_pyproject_comes_before_the_users_own_file(world):
    world.write_user_file(world.robot_settings(scope="from-user-file"))
    world.write(world.robot_settings(scope="from-pyproject"))
    world.run("search()").ok()
    assert world.provider.last("token").form["scope"] == "from-pyproject"


def test_a_block_of_pyproject_is_not_filled_up_from_the_users_own_file(world):
    world.write_user_file(world.robot_settings(scope="from-user-file"))
    world.write(world.robot_settings())
    world.run("search()").ok()
    assert "scope" not in world.provider.last("token").form


def test_the_users_own_file_describes_servers_that_pyproject_does_not(world):
    world.write_user_file(world.robot_settings())
    world.write({**world.robot_settings(), "uri": "http://other.example.com"})
    world.run("search()").ok()


def test_several_blocks_for_several_servers(world):
    second = world.new_server()
    world.provider.add_client("second", "s3cret-second")
    world.write(world.robot_settings(), world.robot_settings(uri=second.uri, client_id="second", client_secret="s3cret-second"))
    assert world.run(f"search(), search({second.uri!r})").ok() == [["Default"], ["Default"]]
    grants = {grant.client_id: grant.access_tokens for grant in world.provider.grants}
    assert set(world.server.tokens()) <= set(grants["robot"]) and set(second.tokens()) <= set(grants["second"])


# --- when settings are read ---
def test_settings_are_kept_while_they_work(world):
    path = world.robot()
    with world.process() as process:
        process.do("search()").ok()
        path.write_text("this is [[ not TOML")
        process.do("search()").ok()
        world.advance(301)
        process.do("search()").ok()


def test_settings_are_read_again_after_an_error(world):
    world.robot(client_secret="wrong")
    world.more_secrets.add("wrong-secret-value")
    with world.process() as process:
        process.do("search()").failed(None, "invalid_client")
        world.robot()
        process.do("search()").ok()


# --- matching ---
HOST = "http://mlflow.example.com"
COVERED = [
    # block, request, covered?
    ("/a", "/a", True),
    ("/a", "/a/", True),
    ("/a", "/a/x", True),
    ("/a", "/a/x/y?q=1", True),
    ("/a/", "/a", True),
    ("/a/", "/a/x", True),
    ("", "/", True),
    ("", "/anything/below", True),
    ("/", "", True),
    ("/a", "/ab", False),
    ("/a", "/", False),
    ("/a", "", False),
    ("/a", "/A/x", False),
    ("/a/b", "/a", False),
]
FORMS = [
    (f"{HOST}/a", "HTTP://MLFLOW.EXAMPLE.COM/a/x", True),
    ("HTTP://MLFLOW.Example.Com/a", f"{HOST}/a/x", True),
    (f"{HOST}/a", f"{HOST}:80/a/x", True),
    (f"{HOST}:80/a", f"{HOST}/a/x", True),
    ("https://mlflow.example.com", "https://mlflow.example.com:443/x", True),
    (f"{HOST}/a", f"{HOST}:8080/a/x", False),
    (f"{HOST}/a", f"{HOST}:443/a/x", False),
    (f"{HOST}/a", "https://mlflow.example.com/a/x", False),
    (f"{HOST}", "http://mlflow.example.com.evil.example/", False),
    (f"{HOST}", "http://mlflow.example.co/", False),
    (f"{HOST}", "http://xmlflow.example.com/", False),
    (f"{HOST}", "http://127.0.0.1/", False),
]
NEVER = [
    "http://user@mlflow.example.com/a",
    "http://user:pw@mlflow.example.com/a",
    "http://@mlflow.example.com/a",
    f"{HOST}/a/../b",
    f"{HOST}/a/./x",
    f"{HOST}/a/..",
    f"{HOST}/a/.",
    f"{HOST}/a/%2e%2e/b",
    f"{HOST}/a/%2E./b",
    f"{HOST}/a/.%2e",
    f"{HOST}/a/..;/b",
    f"{HOST}/a/%252e%252e/b",
    f"{HOST}/a%2fb",
    f"{HOST}/a%2Fb",
    f"{HOST}/a%5cb",
    f"{HOST}/a%5Cb",
    f"{HOST}/a\\b",
    "http:\\\\mlflow.example.com\\a",
    f"{HOST}\\@evil.example/a",
]


def covers(world, configured, requested):
    """Whether a request gets the token of the block; no request is sent to the server."""
    world.write(world.robot_settings(uri=configured))
    outcome = world.run(f"token({requested!r})")
    if outcome.error is None:
        return True
    assert outcome.error["type"] == "ValueError" or "MlflowException" in outcome.error["classes"], outcome.error["trace"]
    assert outcome.error["type"] == "ValueError" or outcome.error["code"] == "configuration", outcome.error["text"]
    return False


@pytest.mark.parametrize("configured, requested, expected", COVERED)
def test_a_block_covers_its_path_and_those_below(world, configured, requested, expected):
    assert covers(world, HOST + configured, HOST + requested) == expected


@pytest.mark.parametrize("configured, requested, expected", FORMS)
def test_scheme_host_and_port_are_normalised(world, configured, requested, expected):
    assert covers(world, configured, requested) == expected


@pytest.mark.parametrize("requested", NEVER)
def test_tricky_request_uris_never_match(world, requested):
    for configured in (HOST, f"{HOST}/a"):
        assert not covers(world, configured, requested)


def test_tricky_request_uris_do_not_match_a_server_that_was_met_either(world):
    world.write(world.robot_settings(uri=f"{HOST}/a"))
    with world.process() as process:
        process.do(f"token('{HOST}/a/x')").ok()
        for requested in NEVER:
            assert process.do(f"token({requested!r})").error is not None, requested


@pytest.mark.parametrize("path", ["/%7Euser", "/%7euser", "/~user", "/a%2Db", "/a%c3%a9", "/a%C3%A9", "/a%7cb", "/a%20b", "/[x]"])
@pytest.mark.parametrize("place", ["variables", "file"])
def test_a_server_is_found_however_its_path_is_percent_encoded(world, path, place):
    """RFC 3986 §6.2.2. requests writes the path anew, and what does not match then would go out without a token."""
    uri = world.server.uri + path
    settings = world.robot_settings(uri=uri)
    world.set_variables(settings) if place == "variables" else world.write(settings)
    world.run(f"search({uri!r})").failed(None, "ENDPOINT_NOT_FOUND")  # by the server, which has no such path
    assert [request.bearer is not None for request in world.server.requests] == [True]


@pytest.mark.parametrize("path", ["/a/../b", "/a/./b", "/a%2Fb", "/a%5cb", "/%2e%2e/x", "/a;x/..;/b", "/a%00b"])
def test_variables_that_describe_an_ambiguous_uri_are_an_error_before_any_request(world, path):
    """Nothing is ever matched against it: what is to go there would go without a token."""
    uri = world.server.uri + path
    world.set_variables(world.robot_settings(uri=uri))
    world.run(f"search({uri!r})", MLFLOW_TRACKING_URI=uri).failed("configuration", "dot segments", "[MLFLOW_TRACKING_URI]")
    assert world.server.requests == []


@pytest.mark.parametrize("value", ["https://büro.example/", "https://h/ü"])
def test_a_uri_with_letters_beyond_ascii_says_how_they_are_written(world, value):
    world.write(world.robot_settings(uri=value))
    world.run("search()").failed("configuration", "`uri`", "outside of ASCII", "xn--")
    assert world.server.requests == []


def test_a_port_may_begin_with_zeros(world):
    """RFC 3986 §3.2.3: any number of digits. requests writes it without them."""
    uri = f"http://127.0.0.1:0{world.server.port}"
    world.write(world.robot_settings(uri=uri))
    with world.process() as process:
        process.do(f"search({uri!r})").ok()
        process.do("search()").ok()


@pytest.mark.parametrize("path", ["/a/../b", "/a%2Fb", "/%2e%2e/x"])
@pytest.mark.parametrize("place", ["project", "own"])
def test_a_block_that_describes_an_ambiguous_uri_is_an_error_where_it_is_called(world, path, place):
    """It was silence: the request that is written so matches nothing, and its file was not read for it."""
    uri = world.server.uri + path
    (world.write if place == "project" else world.write_user_file)(world.robot_settings(uri=uri))
    with world.process() as process:
        for _ in range(2):
            process.do(f"search({uri!r})").failed("configuration", "the `uri` of a block holds user info", "dot segments", "line")
    assert world.server.requests == []


def test_an_odd_request_makes_no_stranger_of_its_server(world):
    world.robot()
    world.unguarded = True
    with world.process() as process:
        process.do(f"search('{world.server.uri}/a%2Fb')")
        odd = len(world.server.requests)
        process.do("search()").ok()
    assert [request.bearer is not None for request in world.server.requests[odd:]] == [True]


def test_a_file_that_breaks_ends_no_odd_request_beside_a_server_that_works(world):
    world.robot()
    world.unguarded = True
    with world.process() as process:
        process.do("search()").ok()
        world.write(world.robot_settings(uri=f"{HOST}/a/../b"))
        process.do("search()").ok()
        outcome = process.do(f"search('{world.server.uri}/a/../b')")
        assert len(world.server.requests) > 2 and "settings" not in (outcome.error or {"text": ""})["text"]


def test_they_concern_no_server_that_a_file_describes_nor_another_host(world):
    other, world.unguarded = world.new_server(), True
    world.write(world.robot_settings(uri=f"{world.server.uri}/x"))
    world.set_variables(world.robot_settings(uri=f"{world.server.uri}/a/../b"))
    with world.process(MLFLOW_TRACKING_URI=f"{world.server.uri}/a/../b") as process:
        process.do(f"search('{world.server.uri}/x')").failed(None, "ENDPOINT_NOT_FOUND")
        process.do(f"search('{other.uri}')")
        process.do(f"search('{world.server.uri}/y')").failed("configuration", "dot segments")
    assert [request.bearer is not None for request in world.server.requests] == [True]
    assert other.requests and not any(request.bearer for request in other.requests)


def test_the_longest_match_wins(world):
    world.provider.add_client("deep", "s3cret-deep")
    world.write(
        world.robot_settings(uri=HOST, scope="root"),
        world.robot_settings(uri=f"{HOST}/a/b", scope="deep", client_id="deep", client_secret="s3cret-deep"),
        world.robot_settings(uri=f"{HOST}/a", scope="middle"),
    )
    with world.process() as process:
        for path, scope in (("/x", "root"), ("/a/x", "middle"), ("/a/b/x", "deep"), ("/a/bc", "middle"), ("/ab", "root")):
            given = process.do(f"token('{HOST}{path}')").ok()
            assert [g.scope for g in world.provider.grants if given in g.access_tokens] == [scope], path


def test_a_server_that_was_met_keeps_its_requests_when_its_block_is_gone(world):
    """Also from the one around it, and after that one has failed and was met anew."""
    outer, inner = world.robot_settings(uri=HOST, scope="root"), world.robot_settings(uri=f"{HOST}/a", scope="inner")
    world.write(outer, inner)
    with world.process() as process:
        def scope(path, call="token"):
            given = process.do(f"{call}('{HOST}{path}')").ok()
            return [g.scope for g in world.provider.grants if given in g.access_tokens]

        assert scope("/a/x") == ["inner"] and scope("/x") == ["root"]
        world.write(outer)
        assert scope("/a/x") == ["inner"] and scope("/x") == ["root"]
        world.advance(301)
        world.provider.replace("token", status=400, json={"error": "invalid_scope"}, times=1)
        process.do(f"token('{HOST}/x')").failed("provider", "invalid_scope")
        process.do(f"login('{HOST}/x')").ok()
        assert scope("/x") == ["root"] and scope("/a/x") == ["inner"]


def test_settings_of_a_server_that_has_others_below_are_kept_while_they_work(world):
    world.write(world.robot_settings(uri=HOST, scope="root"), world.robot_settings(uri=f"{HOST}/a", scope="inner"))
    with world.process() as process:
        given = process.do(f"token('{HOST}/x')").ok()
        world.write(text="[[tool.mlflow-oidc-client.tracking-servers]")
        assert process.do(f"token('{HOST}/x')").ok() == given == process.do(f"token('{HOST}/ab')").ok()
        process.do(f"token('{HOST}/a/x')").failed("configuration", "pyproject.toml")  # first met: looked up


def test_a_block_that_is_read_later_has_the_requests_below_it(world):
    """Also one that the latest server was asked for just before, and that is spelt the same."""
    outer, inner = world.robot_settings(uri=HOST, scope="root"), world.robot_settings(uri=f"{HOST}/a", scope="inner")
    world.write(outer)
    with world.process() as process:
        def scope(path):
            given = process.do(f"token('{HOST}{path}')").ok()
            return [g.scope for g in world.provider.grants if given in g.access_tokens]

        assert scope("/a/x") == scope("/a/x") == ["root"]
        world.write(outer, inner)
        assert scope("/a/x") == ["root"]  # settings are kept while they work
        process.do("token('http://other.example.com/')").failed("configuration", "no settings describe this server")
        assert scope("/a/x") == ["inner"] and scope("/x") == ["root"]


@pytest.mark.parametrize("uri", ["", "\\0", f"{HOST}/x\\0", "x"])
def test_what_is_no_uri_is_no_request_to_the_server_before(world, uri):
    world.write(world.robot_settings(uri=HOST))
    with world.process() as process:
        core = "__import__('mlflow_oidc_client')._core"
        for _ in range(2):  # looked up, then known
            assert process.do(f"{core}.server_at('{HOST}').uri").ok() == HOST
        assert process.do(f"{core}.server('http://other.example.com/') is None").ok()  # reads the settings again
        assert process.do(f"{core}.server('{uri}') is None").ok()
        assert process.do(f"{core}.server('{HOST}/x').uri").ok() == HOST
        assert process.do(f"{core}.server('{uri}') is None").ok()


@pytest.mark.parametrize("second", [HOST + "/", "HTTP://MLFLOW.EXAMPLE.COM:80", HOST])
def test_two_blocks_for_one_uri_are_an_error(world, second):
    path = world.write(world.robot_settings(uri=HOST), world.robot_settings(uri=second, client_id="app"))
    world.run(f"token('{HOST}/')").failed("configuration", str(path), "mlflow.example.com")


@pytest.mark.parametrize("wrong, right", [("clientid", "client-id"), ("redirect_uri", "redirect-uri"), ("isuer", "issuer"),
                                          ("use-id-tokens", "use-id-token"), ("Audience", "audience")])
def test_an_unknown_key_gets_a_warning_with_the_nearest_known_one(world, wrong, right):
    path = world.write(text=block(world.robot_settings()).rstrip() + f'\n{wrong} = "x"\n')
    with world.process() as process:
        process.do("search()").ok()
        process.do("search()").ok()
    assert wrong in process.stderr and right in process.stderr.replace(wrong, "") and str(path) in process.stderr
    assert process.stderr.count(wrong) == 1, "said once"


# --- which server the variables describe ---
def variables(world):
    settings = world.robot_settings()
    del settings["uri"]
    world.set_variables(settings)


@pytest.mark.parametrize("table, slip", [("tool.mlflow-oidc-client.tracking-server", "tracking-server"),
                                         ("tool.mlflow-oidc-client.tracking_servers", "tracking_servers"),
                                         ("mlflow-oidc-client.tracking-servers", "mlflow-oidc-client"),
                                         ("tool.mlflow_oidc_client.tracking-servers", "mlflow_oidc_client")])
def test_a_misspelt_table_gets_a_warning_once(world, table, slip):
    """Else the server would be one without settings, and nobody would know why its requests carry no token."""
    world.unguarded = True
    path = world.write(text=block(world.robot_settings(), table))
    with world.process() as process:
        process.do("search()")
        process.do("search()")
    wanted = f"unknown key `{slip}` in {path} line 1: servers stand under [[tool.mlflow-oidc-client.tracking-servers]]"
    assert process.stderr.count(wanted) == 1, process.stderr


def test_a_misspelt_table_does_not_hide_a_file_above(world):
    world.robot()
    below = world.cwd / "below"
    world.write(folder=below, text=block(world.robot_settings(issuer="http://127.0.0.1:1"), "tool.mlflow-oidc-client.servers"))
    with world.process(cwd=below) as process:
        process.do("search()").ok()
    assert "unknown key `servers` in " in process.stderr


def test_a_block_of_pyproject_in_the_users_own_file_gets_a_warning(world):
    world.unguarded = True
    path = world.write_user_file(text=block(world.robot_settings()))
    with world.process() as process:
        process.do("search()")
    assert f"unknown key `tool` in {path} line 1: servers stand under [[tracking-servers]]" in process.stderr


def test_the_variables_describe_what_mlflow_is_set_to_at_the_call(world):
    variables(world)
    second = world.new_server()
    world.unguarded = True
    with world.process() as process:
        process.do("import mlflow; mlflow.set_tracking_uri(os.environ['URI'])").ok()
        process.do("search()").ok()
        assert process.do(f"search({second.uri!r})").error is not None
        process.do(f"mlflow.set_tracking_uri({second.uri!r})").ok()
        process.do(f"search({second.uri!r})").ok()
    assert None not in world.server.tokens()
    assert second.tokens()[0] is None and second.tokens()[-1] is not None


def test_the_variables_describe_mlflow_tracking_uri(world):
    variables(world)
    second = world.new_server()
    world.unguarded = True
    world.env["MLFLOW_TRACKING_URI"] = world.server.uri
    assert world.run(f"search({second.uri!r})").error is not None
    world.run("search()").ok()
    assert second.tokens() and set(second.tokens()) == {None}
    assert None not in world.server.tokens()


@pytest.mark.parametrize("tracking", [
    "http://b\u00fccher.example", " http://127.0.0.1:1", "http://127.0.0.1:1/%zz", "http://127.0.0.1:1/a\\b", "http://127.0.0.1:1\n",
    "http://127.0.0.1:99999", "http://[fe80::1%25lo]:1", "HTTP:/127.0.0.1"])
def test_a_tracking_uri_that_is_no_proper_one_makes_no_other_server_that_of_the_variables(world, tracking):
    """It is meant as http(s): the first server that is called is not what the variables describe."""
    variables(world)
    second = world.new_server()
    world.unguarded = True
    with world.process() as process:
        process.do(f"import mlflow; mlflow.set_tracking_uri({tracking!r})").ok()
        assert process.do(f"search({second.uri!r})").error is not None
        process.do(f"token({second.uri!r})").failed("configuration", "no settings describe this server", second.uri)
    assert second.tokens() and set(second.tokens()) == {None}
    assert world.token_requests() == []


@pytest.mark.parametrize("tracking, written", [("http://b\u00fccher.example/a b", "http://xn--bcher-kva.example/a%20b"),
                                               (" http://127.0.0.1:1/%zz", "http://127.0.0.1:1/%25zz")])
def test_the_variables_describe_a_tracking_uri_as_requests_writes_it(world, tracking, written):
    variables(world)
    with world.process() as process:
        assert process.do(f"""
import mlflow, mlflow_oidc_client, requests
mlflow.set_tracking_uri({tracking!r})
sent = requests.Request("GET", {tracking!r} + "/api/2.0/x", auth=mlflow_oidc_client.OIDCAuth()).prepare()
result = sent.headers["Authorization"].removeprefix("Bearer ") == mlflow_oidc_client.get_token(), sent.url
""").ok() == [True, written + "/api/2.0/x"]


@pytest.mark.parametrize("named, written", [("http://b\u00fccher.example", "http://xn--bcher-kva.example"),
                                            ("http://127.0.0.1:1/a b/", "http://127.0.0.1:1/a%20b")])
def test_a_program_may_name_a_server_as_mlflow_takes_it(world, named, written):
    """Else what is sent with OIDCAuth(tracking_uri) would go out without a token."""
    world.write(world.robot_settings(), world.robot_settings(uri=written))
    with world.process() as process:
        assert process.do(f"""
import mlflow_oidc_client as oidc, requests
token({world.server.uri!r})
sent = requests.Request("GET", {named!r} + "/api/2.0/x", auth=oidc.OIDCAuth({named!r})).prepare()
result = sent.headers.get("Authorization") == "Bearer " + oidc.get_token({named!r}), oidc.login({named!r}), oidc.logout({named!r})
""").ok() == [True, None, True]


@pytest.mark.parametrize("tracking", ["http://127.0.0.1:99999", "http://[fe80::1%25lo]:1/"])
def test_calls_to_a_tracking_uri_that_is_no_proper_one_are_an_error(world, tracking):
    variables(world)
    with world.process() as process:
        process.do(f"import mlflow; mlflow.set_tracking_uri({tracking!r})").ok()
        process.do("import mlflow_oidc_client; mlflow_oidc_client.get_token()").failed(
            "configuration", "no proper http(s) URI", "MLFLOW_TRACKING_URI")
        if "%25" in tracking:  # the other one requests itself refuses
            process.do(f"search({tracking!r})").failed(None, "no proper http(s) URI", "MLFLOW_TRACKING_URI")


def test_the_variables_describe_the_first_server_that_is_called_when_mlflow_is_set_to_none(world):
    variables(world)
    second = world.new_server()
    world.unguarded = True
    with world.process() as process:
        process.do("search()").ok()
        assert process.do(f"search({second.uri!r})").error is not None
        process.do("search()").ok()
    assert None not in world.server.tokens()
    assert second.tokens() and set(second.tokens()) == {None}


def test_requests_to_other_hosts_never_get_the_token(world):
    world.robot()
    second = world.new_server()
    second.expects_tokens = False
    world.unguarded = True
    with world.process() as process:
        process.do("search()").ok()
        process.do(f"search({second.uri!r})").ok()
        process.do(f"search('http://localhost:{world.server.port}')")
    assert set(second.tokens()) == {None}
    by_name = [r for r in world.server.requests if r.header("Host", "").startswith("localhost")]
    assert by_name and all(r.bearer is None for r in by_name), "localhost is another host than 127.0.0.1"


# --- audience ---
def test_the_audience_is_the_client_id_by_default(world):
    world.person()
    world.run("token()").ok()
    assert world.provider.last("token").form["audience"] == "app"
    assert "audience" not in world.provider.last("authorize").query
    world.advance(301)
    world.run("token()").ok()
    assert "audience" not in world.provider.last("token").form, "the refresh has it only when the user set it"


def test_client_credentials_send_the_audience(world):
    world.robot()
    world.run("token()").ok()
    assert world.provider.last("token").form["audience"] == "robot"
    world.robot(audience="https://api.example.com")
    world.run("token()").ok()
    assert world.provider.last("token").form["audience"] == "https://api.example.com"


@pytest.mark.parametrize("who", ["person", "robot"])
def test_an_empty_audience_in_the_file_sends_none(world, who):
    getattr(world, who)(audience="")
    world.run("token()").ok()
    assert "audience" not in world.provider.last("token").form
    assert all("audience" not in r.query for r in world.provider.received("authorize"))


def test_an_id_token_is_checked_against_the_client_id_whatever_the_audience(world):
    world.person(audience="https://api.example.com")
    world.run("token()").ok()
    world.provider.id_token.claims["aud"] = "https://api.example.com"
    world.run("login()").failed(None, "aud")


@pytest.mark.parametrize("form", ["no-jwt", "a.b.c", "e30.e30.", "%%%", "x" * 6000])
def test_access_tokens_are_opaque(world, form):
    world.robot()
    world.provider.new_access_token = lambda: form
    assert world.run("token()").ok() == form


def test_an_access_token_that_looks_expired_is_not_read(world):
    from jose import encode

    form = f"{encode({'alg': 'none'})}.{encode({'exp': 1, 'aud': 'other', 'iss': 'other'})}.c2ln"
    world.robot()
    world.provider.new_access_token = lambda: form
    assert world.run("token()").ok() == form


# --- redirect-uri ---
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_redirect_uris_are_used_as_written(world, host):
    wanted = f"http://{host}:{free_port()}/oauth2/callback"
    world.person(redirect_uri=wanted)
    world.run("token()").ok()
    assert world.provider.last("authorize").query["redirect_uri"] == wanted
    assert world.provider.last("token").form["redirect_uri"] == wanted


@pytest.mark.parametrize("family", ["127.0.0.1", "[::1]"])
def test_localhost_listens_on_both_families(world, family):
    world.person(redirect_uri=f"http://localhost:{free_port()}/oauth2/callback")
    world.browser.mode = "never"
    with world.process() as process:
        process.start("token()")
        target = world.browser.callback_url(world.browser.wait_for_url())
        host = target.split("/")[2]
        assert fetch(target.replace("//localhost:", f"//{family}:"), {"Host": host}).status == 200
        process.wait().ok()


@pytest.mark.parametrize("wrong", [
    "https://127.0.0.1:39303/oauth2/callback",
    "http://example.com:39303/oauth2/callback",
    "http://10.0.0.1:39303/oauth2/callback",
    "http://0.0.0.0:39303/oauth2/callback",
    "http://127.0.0.1.example.com:39303/oauth2/callback",
    "http://user@127.0.0.1:39303/oauth2/callback",
    "http://127.0.0.1:39303/oauth2/callback?a=b",
    "http://127.0.0.1:39303/oauth2/callback#f",
    "http://127.0.0.1/oauth2/callback",
    "http://127.0.0.1:39303",
    "http://127.0.0.1:0",
    "http://127.0.0.1:70000/oauth2/callback",
    "urn:ietf:wg:oauth:2.0:oob",
    "/oauth2/callback",
    "custom:/callback",
])
def test_another_redirect_uri_is_an_error_that_names_the_loopback_form(world, wrong):
    path = world.person(redirect_uri=wrong)
    world.run("token()").failed("configuration", "redirect-uri", "http://127.0.0.1:", str(path))
    assert world.provider.requests == [] and world.browser.openings == []


# --- issuer ---
@pytest.mark.parametrize("wrong", ["http://auth.example.com", "http://127.0.0.1.example.com/", "http://localhost./",
                                   "ftp://auth.example.com/", "auth.example.com", "https://", "https://user:pw@auth.example.com/",
                                   "https://auth.example.com/?a=b", "https://auth.example.com/#f"])
def test_an_issuer_that_is_not_https_is_an_error_before_any_request(world, wrong):
    path = world.person(issuer=wrong)
    outcome = world.run("token()")
    outcome.failed("configuration", "issuer", str(path))
    assert outcome.seconds < SOON_S and "user:pw" not in outcome.error["text"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_http_issuer_on_loopback_is_accepted(world, host):
    issuer = f"http://{host}:{world.provider.port}"
    world.provider.metadata = {"issuer": issuer}
    world.provider.id_token.claims["iss"] = issuer
    world.provider.callback["iss"] = issuer
    world.person(issuer=issuer)
    world.run("token()").ok()


def test_an_https_issuer_with_a_certificate_that_the_user_trusts(world):
    world.use_tls_provider()
    world.person()
    assert world.run("search()").ok() == ["Default"]


def test_an_https_issuer_with_an_unknown_certificate_is_refused(world):
    world.use_tls_provider()
    world.person()
    world.run("token()", unset=["SSL_CERT_FILE"]).failed("network", world.provider.issuer, ("certificate", "SSL"))
    assert world.provider.requests == []


def test_an_https_issuer_with_a_certificate_for_another_host_is_refused(world):
    world.provider = world.new_provider(context=world.authority.context("auth.example.com"))
    world.person()
    outcome = world.run("token()", SSL_CERT_FILE=str(world.authority.ca_file))
    text = outcome.failed("network", world.provider.issuer, ("certificate", "SSL"))
    assert "check the host's name" in text and "ca-file" not in text
    assert world.provider.requests == []


@pytest.mark.parametrize("year, said, remedy", [
    (1970, "not yet valid", "set this machine's clock"),  # one that starts without a clock, before NTP has set it
    (2100, "has expired", "check this machine's clock"),
])
def test_a_certificate_that_is_not_valid_by_the_machines_clock_is_refused_and_the_clock_named(world, year, said, remedy):
    world.use_tls_provider()
    world.person()
    world.clock.set(calendar.timegm((year, 1, 1, 0, 0, 9)) - time.time())
    text = world.run("token()").failed("network", world.provider.issuer, said)
    assert remedy in text and "ca-file" not in text
    assert world.provider.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version, accepted", [("TLSv1_1", False), ("TLSv1_2", True)])
def test_tls_below_1_2_is_refused_whatever_the_system_allows(world, version, accepted):
    context = world.authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion[version]
    world.provider = world.new_provider(context=context)
    system = world.folder / "openssl.cnf"
    system.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = old\n[old]\n"
                      "MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
    world.robot()
    outcome = world.run("token()", spawn=True, SSL_CERT_FILE=str(world.authority.ca_file), OPENSSL_CONF=str(system))
    if accepted:
        outcome.ok()
    else:
        outcome.failed("network", world.provider.issuer)
        assert world.provider.requests == []


@pytest.mark.parametrize("configured, published", [("", "/"), ("/", "")])
def test_one_trailing_slash_of_the_issuer_may_differ(world, configured, published):
    provider = world.provider
    issuer = provider.base + published
    provider.metadata = {"issuer": issuer}
    provider.id_token.claims["iss"] = issuer
    provider.callback["iss"] = issuer
    world.person(issuer=provider.base + configured)
    world.run("token()").ok()


def test_later_checks_use_the_documents_own_issuer(world):
    provider = world.provider
    provider.metadata = {"issuer": provider.base + "/"}
    provider.callback["iss"] = provider.base + "/"
    provider.id_token.claims["iss"] = provider.base  # as configured, not as published
    world.person(issuer=provider.base)
    world.run("token()").failed("protocol", "iss")


@pytest.mark.parametrize("published", ["https://evil.example.com", "{base}//", "{base}/other", "{upper}", "", None])
def test_another_issuer_in_the_metadata_is_an_error(world, published):
    base = world.provider.base
    if published is not None:
        published = published.format(base=base, upper=base.upper())
    world.provider.metadata = {"issuer": published}
    world.person()
    world.run("token()").failed(("protocol", "configuration"), "issuer", base)
    assert world.browser.openings == [] and world.provider.count("token") == 0


def test_an_issuer_with_a_path(world):
    world.provider = world.new_provider(path="/realms/one")
    world.person()
    world.run("search()").ok()


@pytest.mark.parametrize("status", [404, 401, 403, 405])
def test_the_rfc_8414_path_is_tried_after_the_oidc_one(world, status):
    """Many providers guard every path that they do not know by a login."""
    world.provider = world.new_provider(path="/realms/one")
    world.provider.replace("discovery", status)
    world.person()
    world.run("search()").ok()
    assert world.provider.count("oauth_discovery") == 1


def test_the_rfc_8414_path_is_tried_after_a_page_at_the_oidc_one(world):
    """Single-page applications answer with their page whatever path is asked for."""
    page = dict(status=200, body=b"<!doctype html><title>Sign in</title>", headers=[("Content-Type", "text/html; charset=utf-8")])
    world.provider.replace("discovery", **page)
    world.person()
    world.run("search()").ok()
    assert world.provider.count("oauth_discovery") == 1
    world.provider.replace("oauth_discovery", **page)
    world.run("login()").failed("protocol", "/.well-known/openid-configuration", "is not JSON", "text/html")
