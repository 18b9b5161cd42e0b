"""A client of the demo's own API, over HTTP."""

import json
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from project.demo.errors import DemoError

MEDIA_TYPE = "application/vnd.api+json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: A command that prints the access token of the JSON on its standard input.
PRINT_ACCESS = """python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'"""


class Answer(NamedTuple):
    """A response: its status and its document."""

    status: HTTPStatus
    document: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The resource in the document. Raises ``DemoError`` for an error document."""
        if self.status >= HTTPStatus.BAD_REQUEST:
            message = f"The API answered with an error: {self}"
            raise DemoError(message)
        return dict(self.document["data"])

    def __str__(self) -> str:
        text = json.dumps(self.document, indent=2, ensure_ascii=False)
        return f"HTTP {self.status.value} {self.status.phrase}\n{text}"


class Credentials(NamedTuple):
    """The credentials with which an application requests access tokens."""

    client_id: str
    client_secret: str

    @property
    def fields(self) -> dict[str, str]:
        """The form fields to POST to ``/oauth/token``."""
        return {"grant_type": "client_credentials", **self._asdict()}


class Client:
    """A JSON:API client, which sends a bearer token once it has signed in."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        self.address = address
        self.credentials = credentials
        self.headers = {"Accept": MEDIA_TYPE}

    def sign_in(self) -> None:
        """Get an access token. Raises ``DemoError`` if the server refuses."""
        body = urlencode(self.credentials.fields).encode()
        answer = _answer(Request(f"{self.address}/oauth/token", body, FORM, method="POST"))  # noqa: S310
        if answer.status != HTTPStatus.OK:
            message = f"The server issued no access token: {answer}"
            raise DemoError(message)
        self.headers["Authorization"] = f"Bearer {answer.document['access_token']}"

    def is_served(self) -> bool:
        """Return whether the server answers."""
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
        """Return a shell command that stores an access token in ``TOKEN``."""
        fields = [f"-d {name}={value}" for name, value in self.credentials.fields.items()]
        curl = " \\\n  ".join([f"curl -s '{self.address}/oauth/token'", *fields])
        return f"TOKEN=$({curl} \\\n  | {PRINT_ACCESS})"

    def curl_get(self, path: str) -> str:
        """Return a shell command that sends a GET with the token in ``TOKEN``."""
        return f"""curl -g '{self.address}{path}' -H "Authorization: Bearer $TOKEN\""""


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
