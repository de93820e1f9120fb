"""Of whole lives, with every way of signing in and all that is ever logged: no secret that was used stands in what was printed,
logged, raised or shown, nor in the arguments or the environment of what was started. World.check_promises() looks for them after
these tests as after every other."""
import json
import sys

import pytest
from cache_helper import SCRIPT, Helper
from scripted import Answer
from test_device import poll, settle as settle_device
from test_paste import settle as settle_paste

# every logger, with what urllib3 and MLflow tell of each request
LOG = """
import logging
logging.basicConfig(level=1, stream=sys.stderr, force=True)
for name in ("mlflow", "urllib3", "requests", "mlflow_oidc_client"):
    logger = logging.getLogger(name)
    logger.setLevel(1)
    logger.propagate, logger.handlers = True, []
"""
SEEN = """
import mlflow_oidc_client, mlflow_oidc_client._core as core
auth, server = mlflow_oidc_client.OIDCAuth(), core.server_at(os.environ["URI"])
result = [repr(x) for x in (auth, vars(auth), server, mlflow_oidc_client, vars(mlflow_oidc_client))]
"""


def confidential(world):
    """A person, at a client that has a secret."""
    settings = world.person_settings(client_id="robot", client_secret=world.provider.clients["robot"], interactive=True)
    world.write(settings)


def in_variables(world):
    world.set_variables({**world.robot_settings(), "uri": world.server.uri})


def by_device(world):
    settle_device(world)


def by_paste(world):
    settle_paste(world, flow="paste")


KINDS = {
    "browser": lambda world: world.person(), "browser and secret": confidential, "client credentials": lambda world: world.robot(),
    "client credentials of variables": in_variables, "device": by_device, "paste": by_paste,
}


def sign_in(world, process, code):
    """Runs what needs a person, who does what is asked of him."""
    process.start(code)
    if process.terminal and "device" in world.kind:
        process.see("enter the code")
        poll(world)
        world.provider.decide(world.provider.devices[-1].user_code)
        world.advance(10)
    elif process.terminal:
        url = world.browser.callback_url(next(word for word in process.see("paste the address").split() if "/authorize?" in word))
        process.terminal.type(url)
    return process.wait()


def said_back(request, normal):
    """A provider, or a tracking server, that is free with what it was sent."""
    sent = " ".join([*request.form.values(), request.header("Authorization", "")])
    challenge = [("WWW-Authenticate", f'Bearer error="{sent}", error_description="{sent}"')]
    return Answer.of_json({"error": "unheard_of", "error_description": sent, "message": "refused"}, 401, challenge)


def live(world, process):
    """Tokens are obtained, used, renewed, refused by the server, refused by the provider, and given up."""
    process.do(LOG).ok()
    sign_in(world, process, "search()").ok()
    process.do(SEEN).ok()
    world.advance(301)
    process.do("search(), token()").ok()
    world.provider.revoke_access()
    world.advance(61)
    process.do("search()").ok()
    world.advance(61)
    world.server.fault("*", said_back)
    assert process.do("search()").error is not None
    world.server.heal()
    process.do("os.environ['CI'] = 'true'").ok()
    world.provider.fault("token", said_back)
    world.advance(301)
    assert process.do("search()").error is not None
    world.provider.heal()
    world.advance(61)
    process.do("attempt(search)").ok()
    process.do("logout()")


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_whole_life_with_mlflow_nothing_secret_is_left_anywhere(world, kind):
    world.kind = kind
    KINDS[kind](world)
    with world.process(terminal=200 if kind in ("device", "paste") else 0) as process:
        live(world, process)
        assert process.stderr.count("token.request") >= 3 and "urllib3" in process.stderr, "it was logged"
        with open(f"/proc/{process.pid}/cmdline") as arguments:
            world.more_output = arguments.read()
    assert len(world.provider.secrets) >= 5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("device", "paste")])
def test_of_every_command_of_the_program_nothing_secret_is_left_anywhere(world, program, kind):
    KINDS[kind](world)
    world.unguarded = True  # doctor asks the server without a token too
    environment = {} if "credentials" in kind else {"BROWSER": str(world.browser.command)}
    for command in (["login", "-v"], ["token", "-v"], ["status", "-v"], ["status", "--json", "--online"], ["config"],
                    ["config", "--json"], ["doctor", "-v"], ["doctor", "--json"], ["exec", "-v", "--", "true"]):
        program(*command, **environment).done()
    world.advance(301)
    assert "token.request" in program("token", "-v", **environment).stderr
    world.server.fault("*", said_back)
    world.provider.fault("token", said_back)
    for command in (["login", "-v"], ["doctor", "-v"], ["status", "--online"]):
        program(*command, **environment)
    world.server.heal()
    world.provider.heal()
    program("logout", "-v", **environment)
    assert len(world.provider.secrets) >= 3


def test_a_cache_helper_is_told_nothing_secret_in_its_arguments_or_environment(world):
    helper = Helper(world.folder)
    log = helper.folder / "started"
    helper.write(SCRIPT.format(python=sys.executable, folder=str(helper.folder)) + f"""
import json, os
with open({str(log)!r}, "a") as file:
    file.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
""")
    world.set_variables({**world.robot_settings(), "uri": world.server.uri})
    world.env.update(MLFLOW_TRACKING_OIDC_CACHE=helper.setting, MLFLOW_TRACKING_PASSWORD="pass-w0rd")
    world.more_secrets.add("pass-w0rd")
    world.run("token()").ok()
    world.run("token(), logout()").ok()
    started = [json.loads(line) for line in log.read_text().splitlines()]
    assert {arguments[-1] for arguments, _ in started} == {"get", "store", "erase"}
    world.more_output = log.read_text()


@pytest.mark.parametrize("fault", ["renewal", "second 401", "reset"])
def test_what_reporters_of_crashes_show_of_local_variables_holds_no_secret(world, fault):
    """They send what repr() gives of the variables of each frame."""
    world.robot()
    with world.process() as process:
        process.do("search()").ok()
        if fault == "reset":
            world.server.effect("*", cut=0)
        else:
            world.server.replace("*", 401)
        if fault == "renewal":
            world.provider.replace("token", 503)
        shown = process.do("""
import traceback
try:
    search()
except Exception as error:
    print("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()), flush=True)
""")
        shown.ok()
    assert ("http_request" in process.stdout) and ("_repeated" in process.stdout) == (fault != "reset")


# --- the search itself ---
@pytest.mark.parametrize("place", ["stdout", "stderr", "arguments", "environment", "page", "error", "trace", "output"])
def test_a_secret_that_is_said_is_found(world, place):
    world.person()
    with world.process() as process:
        process.do("search()").ok()
    secret = world.provider.grants[0].refresh_token
    world.check_promises()
    outcome = world.run("1 / 0")
    if place in ("stdout", "stderr"):
        name = {"stdout": process._out, "stderr": process._err}[place]
        with open(name, "a") as file:
            file.write(f"token={secret}")
    elif place in ("arguments", "environment", "page"):
        log = world.browser.folder / ("pages" if place == "page" else "openings")
        entry = json.loads(log.read_text().splitlines()[0])
        change = {"arguments": {"argv": [f"http://x/?code={secret}"]}, "environment": {"environment": {"X": secret}}}
        with open(log, "a") as file:
            file.write(json.dumps({**entry, **change.get(place, {"text": f"<p>{secret}</p>"})}) + "\n")
    elif place == "output":
        world.more_output = f"x{secret}x"
    else:
        outcome.error["trace" if place == "trace" else "text"] += secret
    with pytest.raises(AssertionError, match="a secret"):
        world.check_promises()
    world.provider.secrets.clear()  # it was found; and no test ends with one
