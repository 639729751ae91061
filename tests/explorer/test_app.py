"""The explorer's server: what it answers, and above all what it refuses."""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image

pytest.importorskip("fastapi", reason="the explorer's server needs the extra [app]")
from starlette.testclient import TestClient

from vae_lab.explorer import app as server
from vae_lab.explorer.guards import LARGEST_BODY

PAGE = Path(server.__file__).with_name("static")
BLANK = base64.b64encode(bytes(784)).decode()


@pytest.fixture(scope="module")
def shown(run_of):
    return [run_of("latent_dim=2"), run_of("latent_dim=5")]


@pytest.fixture(scope="module")
def client(shown):
    app = server.create_app(shown, ["127.0.0.1", "localhost"])
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=True) as client:
        yield client


def complaints(response):
    """Return field → message of a refusal."""
    assert response.status_code == 422
    return {one["field"]: one["message"] for one in response.json()["detail"]}


def post_text(client, path, text, **headers):
    return client.post(path, content=text, headers={"Content-Type": "application/json"} | headers)


def test_the_page_and_each_of_its_files_is_served(client):
    assert client.get("/").text == (PAGE / "index.html").read_text()
    for path in PAGE.iterdir():
        assert client.get(f"/{path.name}").content == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/static/", "/.hydra/config.yaml",
        "//etc/passwd", "/%2fetc%2fpasswd", "/docs", "/openapi.json", "/api",
        "/api/runs/2/digits", "/api/runs/-1/digits", "/api/runs/0/digits/2000",
        "/api/runs/0/digits/-1", "/api/runs/0/frames/0",
    ],
)  # fmt: skip
def test_nothing_else_is_served(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "import" not in response.text


def test_the_browser_is_told_to_load_nothing_from_elsewhere(client):
    for path in ("/", "/api/explorer", "/nowhere"):
        headers = client.get(path, headers={"Origin": "http://elsewhere.example"}).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "", "a b"])
def test_a_name_that_leads_here_from_elsewhere_is_refused(client, host):
    response = client.get("/api/explorer", headers={"Host": host})
    assert response.status_code == 400


def test_the_runs_are_described(client, shown):
    answer = client.get("/api/explorer").json()
    assert answer["runs"] == json.loads(json.dumps([run.describe() for run in shown]))
    assert len(answer["colors"]) == 10


def test_digits_come_as_means_and_classes(client, shown):
    content = client.get("/api/runs/1/digits").content
    count = len(shown[1].means)
    means = torch.frombuffer(bytearray(content[: 4 * 5 * count]), dtype=torch.float32)
    assert torch.equal(means.reshape(count, 5), shown[1].means)
    assert content[4 * 5 * count :] == shown[1].labels.numpy().tobytes()
    assert client.get("/api/runs/0/digits/3").content == shown[0].originals[3].numpy().tobytes()


def test_latents_are_decoded(client, shown):
    z = [[0.5, -1.25], [0, 1]]  # whole numbers are numbers
    response = client.post("/api/runs/0/decode", json={"z": z})
    assert response.content == shown[0].decode(torch.tensor(z)).numpy().tobytes()


def test_an_image_is_encoded(client, shown):
    pixels = shown[0].originals[0].numpy().tobytes()
    body = {"pixels": base64.b64encode(pixels).decode()}
    assert client.post("/api/runs/0/encode", json=body).json() == shown[0].encode(pixels)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ('{"z": [[NaN, 0]]}', "z.0.0", "finite number"),
        ('{"z": [[0, Infinity]]}', "z.0.1", "finite number"),
        ('{"z": [[0, 0], [0, -Infinity]]}', "z.1.1", "finite number"),
        ('{"z": [[0, 1e400]]}', "z.0.1", "finite number"),
        ('{"z": [[0, 1001]]}', "z.0.1", "less than or equal to 1000"),
        ('{"z": [["0", 0]]}', "z.0.0", "valid number"),
        ('{"z": [[true, 0]]}', "z.0.0", "valid number"),
        ('{"z": [[null, 0]]}', "z.0.0", "valid number"),
        ('{"z": [[0]]}', "z.0", "takes 2 numbers for this run, got 1"),
        ('{"z": [[0, 0], [0, 0, 0]]}', "z.1", "takes 2 numbers for this run, got 3"),
        ('{"z": [[]]}', "z.0", "takes 2 numbers for this run, got 0"),
        ('{"z": [0]}', "z.0", "valid list"),
        ('{"z": []}', "z", "at least 1"),
        (json.dumps({"z": [[0, 0]] * 17}), "z", "at most 16"),
        ('{"z": 0}', "z", "valid list"),
        ("{}", "z", "required"),
        ('{"z": [[0, 0]], "w": 1}', "w", "not permitted"),
        ("[]", "body", "valid dictionary"),
        ("", "body", "required"),
        ('{"z": [[0, 0]', "13", "JSON decode error"),
    ],
)
def test_malformed_latents_are_refused_by_field(client, body, field, message):
    response = post_text(client, "/api/runs/0/decode", body)
    refused = complaints(response)
    assert list(refused) == [field]
    assert message in refused[field]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (3, "takes bytes in base64"),
        ("%%%%", "takes bytes in base64"),
        ("é", "takes bytes in base64"),
        ("", "takes 784 bytes, one per pixel and channel, got 0"),
        (BLANK[:-4], "takes 784 bytes, one per pixel and channel, got"),
        (BLANK[:-4] + "AAAAAAAA", "takes 784 bytes, one per pixel and channel, got"),
    ],
)
def test_malformed_images_are_refused_by_field(client, pixels, message):
    refused = complaints(client.post("/api/runs/0/encode", json={"pixels": pixels}))
    assert list(refused) == ["pixels"]
    assert message in refused["pixels"]


@pytest.mark.parametrize("body", ["[" * 5000, "1" * 5000, "\x00", '{"z": [[0, 0]]}\x00'])
def test_what_is_hardly_json_is_refused_and_breaks_nothing(client, body):
    assert post_text(client, "/api/runs/0/decode", body).status_code in (400, 422)
    assert client.post("/api/runs/0/decode", json={"z": [[0, 0]]}).status_code == 200


def test_a_run_that_is_no_number_is_named(client):
    response = client.post("/api/runs/one/decode", json={"z": [[0, 0]]})
    assert list(complaints(response)) == ["run"]


def test_a_form_of_another_site_is_not_taken_for_json(client):
    response = client.post(
        "/api/runs/0/decode", content='{"z": [[0, 0]]}', headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 422


def test_a_body_that_is_too_large_is_refused_even_if_it_hides_its_size(client):
    fitting = '{"z": [[0, 0]]}'
    for size, status in ((LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)):
        text = fitting + " " * (size - len(fitting))
        assert post_text(client, "/api/runs/0/decode", text).status_code == status
        parts = (text[i : i + 1000].encode() for i in range(0, len(text), 1000))
        assert post_text(client, "/api/runs/0/decode", parts).status_code == status


def file_of(size, color, kind="PNG"):
    """Return what the file of a picture of one colour holds."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def bomb(side):
    """Return what begins as a PNG that says it is a square of that side."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 9) + b"IDAT" + bytes(9)


def post_picture(client, content, kind="application/octet-stream"):
    return client.post("/api/runs/0/picture", content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_any_size_becomes_an_image_of_the_run(client, kind):
    content = file_of((300, 200), (200, 200, 200), kind)
    response = post_picture(client, content)
    assert response.content == bytes([200]) * 784
    assert len(content + bytes(LARGEST_BODY)) > LARGEST_BODY
    assert post_picture(client, content + bytes(LARGEST_BODY)).status_code == 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is no picture"),
        (b"this is text, whatever its name says", "it is no picture"),
        (file_of((300, 200), "red")[:120], "truncated"),
        (bomb(100_000), "meant to exhaust the memory"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is no picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(client, content, message):
    refused = complaints(post_picture(client, content))
    assert list(refused) == ["picture"]
    assert message in refused["picture"]
    assert "\n" not in refused["picture"]


def test_a_picture_is_neither_too_large_nor_sent_by_another_site(client, monkeypatch):
    monkeypatch.setattr(server, "LARGEST_FILE", 1000)
    assert post_picture(client, bytes(1001)).status_code == 413
    refused = complaints(post_picture(client, file_of((9, 9), "red"), "text/plain"))
    assert refused == {"picture": "takes application/octet-stream"}


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
def test_nothing_can_be_changed(client, method):
    for path in ("/", "/api/explorer", "/api/runs/0/decode"):
        assert getattr(client, method)(path).status_code == 405
