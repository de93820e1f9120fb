"""A job with a client secret, and no person."""

import pytest
from conftest import finish

SEARCH = "import mlflow; print(len(mlflow.search_experiments()) > 0)"


@pytest.mark.parametrize("client_id", ["mlflow-ci", "mlflow-ci-post"])
def test_either_client_authentication_method_works(client_id, new_service):
    """Keycloak refuses the method that is not the client's; one of the two is therefore a second try."""
    service = new_service(client_id)
    assert service.run(SEARCH) == "True\n"
    before = service.token_requests()
    assert service.run(SEARCH) == "True\n"
    assert service.token_requests() == before


def test_scope_and_audience_are_accepted(new_service, provider):
    scope = "profile" if provider.name == "keycloak" else "mlflow"
    service = new_service(scope=scope, audience=provider.audience)
    assert service.run(SEARCH) == "True\n"


def test_a_wrong_secret_is_an_error_and_nothing_is_sent(new_service, provider, proxy):
    sent = len(proxy.requests())
    error = finish(new_service(client_secret="wrong-secret").start(SEARCH), status=1)
    assert "client" in error and provider.issuer in error
    assert "wrong-secret" not in error
    assert len(proxy.requests()) == sent
