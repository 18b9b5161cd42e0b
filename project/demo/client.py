"""The demo as a client of its own API, over real HTTP."""

import json
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from project.demo.errors import DemoError

MEDIA_TYPE = "application/vnd.api+json"
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """A response: its status and its document."""

    status: HTTPStatus
    document: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The resource that it holds. Raises where the API refused."""
        if self.status >= HTTPStatus.BAD_REQUEST:
            message = f"The API refused: {self}"
            raise DemoError(message)
        return dict(self.document["data"])

    def __str__(self) -> str:
        text = json.dumps(self.document, indent=2, ensure_ascii=False)
        return f"HTTP {self.status.value} {self.status.phrase}\n{text}"


class Credentials(NamedTuple):
    """What an application gets its tokens with."""

    client_id: str
    client_secret: str

    def as_json(self) -> str:
        """The body to POST to ``/oauth/token``."""
        return json.dumps({"grant_type": "client_credentials", **self._asdict()}, indent=2)


class Client:
    """Speaks JSON:API, with a bearer token once it has signed in."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        self.address = address
        self.credentials = credentials
        self.headers = {"Accept": MEDIA_TYPE}

    def sign_in(self) -> None:
        """Get an access token. Raises where it is refused."""
        body = self.credentials.as_json().encode()
        answer = _answer(Request(f"{self.address}/oauth/token", body, JSON, method="POST"))  # noqa: S310
        if answer.status != HTTPStatus.OK:
            message = f"No access token was given: {answer}"
            raise DemoError(message)
        self.headers["Authorization"] = f"Bearer {answer.document['access_token']}"

    def is_served(self) -> bool:
        """Whether the server answers."""
        try:
            return self.get("/api/order_copies").status < HTTPStatus.INTERNAL_SERVER_ERROR
        except (URLError, ConnectionError, TimeoutError):
            return False

    def get(self, url: str) -> Answer:
        """GET a path, or a link of a document."""
        url = url if url.startswith("http") else self.address + url
        return _answer(Request(url, headers=self.headers))  # noqa: S310

    def post(self, path: str, document: dict[str, Any]) -> Answer:
        """POST a document."""
        headers = self.headers | {"Content-Type": MEDIA_TYPE}
        body = json.dumps(document).encode()
        return _answer(Request(self.address + path, body, headers, method="POST"))  # noqa: S310

    def curl_sign_in(self) -> str:
        """How to get a token, as a command to paste."""
        command = self._curl(f"curl -X POST '{self.address}/oauth/token'", JSON)
        return f"{command} \\\n-d '{self.credentials.as_json()}'"

    def curl_get(self, path: str) -> str:
        """The same GET as a command to paste."""
        return self._curl(f"curl -g '{self.address}{path}'", self.headers)

    def curl_post(self, path: str, document: dict[str, Any]) -> str:
        """The same POST as a command to paste."""
        headers = self.headers | {"Content-Type": MEDIA_TYPE}
        command = self._curl(f"curl -g -X POST \\\n'{self.address}{path}'", headers)
        return f"{command} \\\n-d '{json.dumps(document, indent=2)}'"

    def _curl(self, command: str, headers: dict[str, str]) -> str:
        return " \\\n".join([command, *(f"-H '{name}: {it}'" for name, it in headers.items())])


def _answer(request: Request) -> Answer:
    try:
        with urlopen(request, timeout=10) as response:  # noqa: S310
            return Answer(HTTPStatus(response.status), json.load(response))
    except HTTPError as error:
        return Answer(HTTPStatus(error.code), _document(error.read()))


def _document(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body))
    except ValueError:
        return {"body": body.decode(errors="replace")}
