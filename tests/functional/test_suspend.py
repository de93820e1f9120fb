"""A machine that sleeps for hours, between two calls or in the middle of one, and a clock that is set meanwhile. What was valid
before is over then: it is renewed, once, by whoever is first, and nothing hangs or fails for it."""
import time

import pytest
from scripted import Answer
from world import SOON_S, attempts

NIGHT_S = 9 * 3600


def search(process):
    outcome = process.do("search()")
    outcome.ok()
    assert outcome.seconds < SOON_S


def sleeping(world, times=1):
    """The machine sleeps while the next token request is answered: by what was true before."""
    def change(request, normal):
        answer = normal()
        world.clock.sleep(NIGHT_S)
        return answer

    world.provider.fault("token", change, times=times)


@pytest.mark.parametrize("who", ["robot", "person"])
def test_after_a_night_the_first_call_renews(world, who):
    getattr(world, who)()
    with world.process() as process:
        search(process)
        for nights in (1, 2):
            world.clock.sleep(NIGHT_S)
            search(process)
            assert len(world.token_requests()) == 1 + nights
    assert len(world.browser.openings) == (who == "person") and "warning" not in process.stderr.lower()


def test_all_that_wake_together_make_1_renewal(world):
    world.person()
    processes = [world.process() for _ in range(8)]
    for process in processes:
        search(process)
    world.clock.sleep(NIGHT_S)
    for process in processes:
        process.start("threads(8, search)")
    for process in processes:
        for outcome in attempts(process.wait().ok()):
            outcome.ok()
    assert len(world.token_requests("refresh_token")) == 1 and len(world.browser.openings) == 1


@pytest.mark.parametrize("who", ["robot", "person"])
def test_a_token_that_came_before_a_night_is_renewed_after_it(world, who):
    """The reply lay there: what it brings has ended, but for the refresh token."""
    getattr(world, who)()
    with world.process() as process:
        search(process)
        world.advance(301)
        sleeping(world)
        search(process)
    assert len(world.token_requests()) == 3 and len(world.browser.openings) == (who == "person")
    used = [r.form["refresh_token"] for r in world.token_requests("refresh_token")]
    assert len(used) == len(set(used)), "a refresh token was used twice"


def test_a_sign_in_before_a_night_is_good_after_it(world):
    world.person()
    sleeping(world)
    with world.process() as process:
        search(process)
    assert len(world.browser.openings) == 1 and len(world.token_requests("refresh_token")) == 1


def test_a_sign_in_that_brought_no_refresh_token_before_a_night_opens_no_second_tab_by_itself(world):
    world.person()
    world.provider.refresh = "never"
    sleeping(world)
    with world.process() as process:
        process.do("search()").failed(None, "ended already")
    assert len(world.browser.openings) == 1


@pytest.mark.parametrize("who", ["robot", "person"])
def test_a_renewal_in_the_background_sleeps_and_the_next_call_goes_on(world, who):
    getattr(world, who)()
    with world.process() as process:
        search(process)
        world.advance(250)
        sleeping(world)
        process.do("token()").ok()  # nobody waits for the renewal
        world.wait_for(lambda: len(world.token_requests()) == 3)
        search(process)
    assert len(world.token_requests()) == 3 and len(world.browser.openings) == (who == "person")


@pytest.mark.parametrize("who", ["robot", "person"])
def test_a_connection_that_is_dead_after_a_night_is_not_waited_for(world, who):
    """Somewhere between, it was forgotten: what is sent on it is answered by nobody, not even by a reset."""
    getattr(world, who)()
    with world.process() as process:
        search(process)
        dead = {request.peer for request in world.provider.requests}

        def forgotten(request, normal):
            return Answer(hang=True) if request.peer in dead else normal()

        world.clock.sleep(NIGHT_S)
        world.provider.fault("*", forgotten)
        search(process)
        world.provider.heal()


def test_one_that_waits_for_a_sleeping_process_gets_its_token(world):
    """However long by the clock: both of them slept."""
    world.robot()
    held = []

    def change(request, normal):
        held.append(request)
        while len(held) < 2:
            time.sleep(0.005)
        return normal()

    world.provider.fault("token", change, times=1)
    with world.process() as first, world.process() as second:
        first.start("search()")
        world.provider.wait_for("token")
        second.start("search()")
        time.sleep(0.2)  # it waits for the lock
        assert second.busy()
        world.clock.sleep(NIGHT_S)
        time.sleep(0.2)
        assert second.busy()
        held.append("go on")
        first.wait().ok(), second.wait().ok()
    assert len(world.token_requests()) == 2, "the first token ended in the night, and the second is shared"


def test_a_sign_in_that_nobody_answered_before_the_night_ends_after_it(world):
    world.person()
    world.browser.mode = "never"
    with world.process() as process:
        process.start("search()")
        world.browser.wait_for_url()
        world.clock.sleep(NIGHT_S)
        process.wait().failed("timeout", "nobody signed in")
        world.browser.mode = "approve"
        world.advance(61)
        search(process)
    assert len(world.browser.openings) == 2


def test_calls_that_were_held_up_in_the_evening_go_on_in_the_morning(world):
    world.robot()
    with world.process() as process:
        world.provider.down()
        for _ in range(3):
            process.do("attempt(search)").ok()
        world.provider.up()
        world.clock.sleep(NIGHT_S)
        search(process)


# --- the clock is set ---
@pytest.mark.parametrize("seconds", [86400, -86400])
@pytest.mark.parametrize("who", ["robot", "access token"])
def test_a_clock_that_is_set_while_the_renewal_thread_waits(world, who, seconds):
    """Whatever it says meanwhile; at the end it is right again."""
    world.robot() if who == "robot" else world.person(use_id_token=False)
    with world.process() as process:
        search(process)
        world.advance(250)

        def change(request, normal):
            world.clock.set(seconds)
            time.sleep(0.2)
            if who != "robot":  # an ID token of another day would be refused
                world.clock.set(-seconds)
            return normal()

        before = world.cached()
        world.provider.fault("token", change, times=1)
        search(process)
        world.wait_for(lambda: world.cached() != before)
        for _ in range(3):
            search(process)
        if who == "robot":
            world.clock.set(-seconds)
        search(process)
    assert len(world.token_requests()) <= 5 and len(world.browser.openings) == (who != "robot")


@pytest.mark.parametrize("who", ["robot", "person"])
def test_a_clock_that_is_set_right_while_the_provider_answers(world, who):
    """A machine that begins in 1970, and NTP comes in between: what is brought is judged and kept by the true time."""
    getattr(world, who)()
    unset_s = int(time.time()) - 60
    world.clock.set(-unset_s)

    def change(request, normal):
        world.clock.set(unset_s)
        return normal()

    world.provider.fault("token", change, times=1)
    with world.process() as process:
        search(process)
        search(process)
    assert len(world.token_requests()) == 1 and len(world.browser.openings) == (who == "person")
    world.run("token()").ok()
    assert len(world.token_requests()) == 1


def test_a_clock_that_is_set_back_makes_no_token_live_longer(world):
    world.robot()
    with world.process() as process:
        search(process)
        world.clock.set(-86400)
        search(process)
        assert len(world.token_requests()) == 1
        world.advance(301)
        search(process)
    assert len(world.token_requests()) == 2


def test_a_clock_that_is_set_to_and_fro_makes_no_burst_of_requests(world):
    world.robot()
    with world.process() as process:
        search(process)
        for _ in range(10):
            for seconds in (7200, -7200):
                world.clock.set(seconds)
                search(process)
    assert len(world.token_requests()) <= 11
