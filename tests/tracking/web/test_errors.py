"""What a browser and a client see when something is wrong."""

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory

from tests.support.people import People
from tracking.web.errors import bad_request, csrf_failure, page_not_found, permission_denied, server_error


class TestPages:
    def test_that_do_not_exist_say_so_in_the_frame(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.get("/no/such/page")

        assert response.status_code == 404
        assert "There is nothing here" in response.content.decode()
        assert 'class="frame-header"' in response.content.decode()

    def test_of_a_refused_host_do_not_repeat_it(self, client: Client, people: People) -> None:
        response = client.get("/sign-in", headers={"host": "evil.example"})

        assert response.status_code == 400
        assert "evil" not in response.content.decode()

    @pytest.mark.parametrize(
        "address", ["/w/default/runs/%00", "/w/default/experiments?q=%00", "/w/default/compare?runs=%00", "/%00"]
    )
    def test_with_nul_in_their_address_are_refused(self, client: Client, people: People, address: str) -> None:
        client.force_login(people.bob.user)

        response = client.get(address)

        assert response.status_code == 400
        assert "The address contains NUL" in response.content.decode()

    def test_of_a_broken_server_need_nothing_that_may_be_broken(self, rf: RequestFactory) -> None:
        response = server_error(rf.get("/"))

        assert response.status_code == 500
        assert "Something went wrong" in response.content.decode()

    def test_of_a_stale_form_say_what_to_do(self, rf: RequestFactory) -> None:
        response = csrf_failure(rf.post("/account"))

        assert response.status_code == 403
        assert "reload it" in response.content.decode()

    def test_of_an_address_that_takes_forms_alone_say_so(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.get("/sign-out")

        assert response.status_code == 405
        assert response["Allow"] == "POST"
        assert "There is no page at this address" in response.content.decode()


class TestApi:
    def request(self, path: str) -> HttpRequest:
        return RequestFactory().get(path)

    def test_gets_mlflows_json_for_an_endpoint_that_does_not_exist(self) -> None:
        for path in ("/api/2.0/mlflow/nothing", "/w/default/ajax-api/2.0/x"):
            response = page_not_found(self.request(path), Exception())

            assert response.status_code == 404
            assert response["Content-Type"] == "application/json"
            assert b'"error_code": "ENDPOINT_NOT_FOUND"' in response.content

    def test_gets_json_for_every_other_trouble(self) -> None:
        request = self.request("/api/2.0/mlflow/runs/get")

        answers = [
            bad_request(request, Exception("secret")),
            permission_denied(request, Exception()),
            server_error(request),
        ]

        assert [answer.status_code for answer in answers] == [400, 403, 500]
        assert all(answer["Content-Type"] == "application/json" for answer in answers)
        assert b"secret" not in answers[0].content
