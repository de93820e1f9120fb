"""A proxy that asks for a token, in front of a real server."""
import http.client
import urllib.parse

from scripted import Answer
from server import TrackingServer, unauthorized

HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "host", "authorization")
TIMEOUT_S = 60


def _passed_on(headers):
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


class Guard(TrackingServer):
    def __init__(self, behind, **options):
        self.behind = urllib.parse.urlsplit(behind).netloc
        super().__init__(**options)

    def respond(self, request):
        if request.bearer is None or not self.accepts(request.bearer):
            return unauthorized(request)
        connection = http.client.HTTPConnection(self.behind, timeout=TIMEOUT_S)
        connection.request(request.method, request.target, request.body or None, dict(_passed_on(request.headers)))
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return Answer(response.status, _passed_on(response.getheaders()), body)
