"""What the jobs talk to: a provider that restarts, rotates, refuses, and a tracking server behind a proxy that asks for a token."""
import collections
import dataclasses
import random
import socket
import struct
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "functional"), str(TESTS / "versions"), str(TESTS)]

from guard import Guard  # noqa: E402
from provider import Provider  # noqa: E402
from scripted import Answer  # noqa: E402
from server import TrackingServer  # noqa: E402

LIFETIME_S = 10
REFUSALS_APART_S = 75  # a token that a server refuses is renewed once a minute
QUIET_S = 2.5
OUTAGE_S = 25
RECOVERY_S = 13  # the longest that calls are held up after an outage: 10 s and a quarter


class Counted:
    """Before a tracking server: judges each request's token once, counts, and keeps nothing."""

    def __init__(self, *arguments, spare, **options):
        self.spare = spare  # the token of the job that signs nobody in
        self.tally = collections.Counter()
        super().__init__(*arguments, **options)

    def answer_to(self, request, fault):
        token = request.bearer
        if token is None:
            verdict = "without a token"
        elif token == self.spare:
            verdict = "spare"
        elif self.is_expired(token):
            verdict = "expired"
        else:
            verdict = "good" if self.accepts(token) else "refused"
        answer = super().answer_to(request, fault)
        with self._lock:
            self.tally[verdict] += 1
            self.tally["server errors"] += answer.status >= 500
            self.requests.clear()
        return answer


class CountedServer(Counted, TrackingServer):
    """The functional tests' own."""


class CountedGuard(Counted, Guard):
    """A real server, behind a proxy."""


class TroubledProvider(Provider):
    """Its troubles, each of which leaves a way to a token: what is down comes up before a waiting call gives up, and a person
    is there to sign in. After an `outage` alone there is none for a while, which is written down."""

    def __init__(self):
        super().__init__()
        self.expires_in = self.id_token.ttl = LIFETIME_S
        self.outages = []  # (from, to), within which calls may fail
        self.turn = 0
        self.done = collections.Counter()
        self._refused_at = -REFUSALS_APART_S

    def down(self):
        with self._lock:
            for connection in self._connections:
                # what is open is reset and not just closed
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        super().down()

    def restart(self):
        self.down()
        time.sleep(1)
        self.up()

    def rotate(self):
        self.rotate_keys(label=f"soak-{self.turn}")

    def refuse_renewals(self):
        """Every refresh token is worth nothing: the persons sign in again, as soon as their tokens end."""
        persons = {grant.client_id for grant in self.grants if grant.sub is not None}
        before = self.sign_ins
        with self._state:
            for grant in self.grants:
                grant.refresh_token = None
        until = time.monotonic() + LIFETIME_S * 2
        while self.sign_ins - before < len(persons) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)

    def refuse_access(self):
        """The proxy takes no token that was given until now. Nobody is between two tokens then: one that adopts another's, which
        is refused as well, would have met its second 401, and that is an error."""
        until = time.monotonic() + LIFETIME_S
        while time.monotonic() < until and self.clock() - self.last("token").received_at < QUIET_S:
            time.sleep(0.1)
        self.revoke_access()

    def _once(self, change):
        """Becomes of the next token request but a sign-in's: its code is good for one use (RFC 6749 §4.1.2)."""
        left = [change]

        def fault(request, normal):
            if left and request.form.get("grant_type") != "authorization_code":
                return left.pop()(normal)
            return normal()

        self.fault("token", fault)

    def be_busy(self):
        self._once(lambda normal: Answer(503))

    def be_unavailable(self):
        self._once(lambda normal: Answer.of_json({"error": "temporarily_unavailable"}, 400))

    def cut(self):
        """A reply is lost on its way, with the refresh token that it brings: the old one is used again, which ends all that
        was given to that person."""
        self._once(lambda normal: dataclasses.replace(normal(), cut=40))

    def be_slow(self):
        self._once(lambda normal: dataclasses.replace(normal(), delay=1.5))

    def outage(self):
        began = time.time()
        self.down()
        time.sleep(OUTAGE_S)
        self.up()
        self.outages.append((began, time.time() + RECOVERY_S))
        time.sleep(RECOVERY_S)

    # the one that meets nobody before a token has ended comes first, while a short soak has time for that
    KINDS = (refuse_renewals, refuse_access, restart, rotate, be_busy, be_unavailable, cut, be_slow)
    REFUSE = (refuse_access, cut)

    def trouble(self, outages):
        """The next one; with `outages` a long one now and then."""
        kind = type(self).outage if outages and self.turn % 40 == 20 else self.KINDS[self.turn % len(self.KINDS)]
        self.turn += 1
        if kind in self.REFUSE:
            if time.monotonic() - self._refused_at < REFUSALS_APART_S:
                return self.trouble(outages)
            self._refused_at = time.monotonic()
        self.done[kind.__name__] += 1
        self.heal()  # what the one before was for has happened, or nobody asked
        return kind(self)


def pause_s():
    return 3 + random.random() * 2
