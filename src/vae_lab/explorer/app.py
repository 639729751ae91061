"""The explorer's server: a page, what it shows, and what the page asks of models.

==========================================  ====================================================
``GET /``                                   the page
``GET /api/explorer``                       the runs, the classes, and the largest file
``GET /api/runs/{run}/digits``              posterior means, float32, then classes, one byte each
``GET /api/runs/{run}/digits/{digit}``      a test image, one byte per pixel and channel
``GET /api/runs/{run}/frames/{frame}``      a frame of the film of learning, a PNG
``POST /api/runs/{run}/decode``             ``{"z": [[…], …]}`` → E[x|z], likewise
``POST /api/runs/{run}/encode``             ``{"pixels": "…"}`` → q(z|x), ELBO, neighbours
``POST /api/runs/{run}/picture``            a picture's file → an image, likewise
==========================================  ====================================================

Malformed input is answered with 422 and the field that is wrong.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from vae_lab.explorer.explored import ExploredRun, describe_classes
from vae_lab.explorer.guards import (
    LARGEST_BODY,
    LARGEST_FILE,
    BoundedBodies,
    ForbiddingHeaders,
)
from vae_lab.explorer.messages import Latents, Picture

PAGE = Path(__file__).with_name("static")
PICTURE = re.compile(r"/api/runs/\d+/picture")
BYTES = "application/octet-stream"
MOST_COMPLAINTS = 10


def create_app(explored: Sequence[ExploredRun], hosts: Sequence[str]) -> FastAPI:
    """Return the application that shows runs.

    Args:
        explored: the runs.
        hosts: the names under which the server may be addressed. Requests to other names are
            refused, so that no website reaches it by pointing its own name here (DNS rebinding).
    """
    app = FastAPI(title="vae-lab explorer", openapi_url=None)
    largest_image = max(math.prod(run.model.image_shape) for run in explored)
    largest_body = max(LARGEST_BODY, 2 * largest_image)  # in base64
    app.add_middleware(
        BoundedBodies, largest=lambda path: LARGEST_FILE if PICTURE.match(path) else largest_body
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_middleware(ForbiddingHeaders)
    app.add_exception_handler(RequestValidationError, _name_the_field)

    # Coroutines, so that requests are computed one after the other, each with all cores.

    @app.get("/api/explorer")
    async def explorer() -> dict[str, Any]:
        return describe(explored)

    @app.get("/api/runs/{run}/digits")
    async def digits(run: int) -> Response:
        chosen = _choose(explored, run)
        return _binary(chosen.means.numpy().tobytes() + chosen.labels.numpy().tobytes())

    @app.get("/api/runs/{run}/digits/{digit}")
    async def original(run: int, digit: int) -> Response:
        return _binary(_choose(_choose(explored, run).originals, digit).numpy().tobytes())

    @app.get("/api/runs/{run}/frames/{frame}")
    async def frame(run: int, frame: int) -> Response:
        path = _choose(_choose(explored, run).frames, frame).path
        return Response(path.read_bytes(), media_type="image/png")

    @app.post("/api/runs/{run}/decode")
    async def decode(run: int, latents: Latents) -> Response:
        chosen = _choose(explored, run)
        expected = chosen.model.latent_dim
        for row, z in enumerate(latents.z):
            if len(z) != expected:
                raise _refusal(f"takes {expected} numbers for this run, got {len(z)}", "z", row)
        return _binary(
            chosen.decode(torch.tensor(latents.z, dtype=torch.float32)).numpy().tobytes()
        )

    @app.post("/api/runs/{run}/encode")
    async def encode(run: int, picture: Picture) -> dict[str, Any]:
        chosen = _choose(explored, run)
        expected, got = math.prod(chosen.model.image_shape), len(picture.pixels)
        if got != expected:
            message = f"takes {expected} bytes, one per pixel and channel, got {got}"
            raise _refusal(message, "pixels")
        return chosen.encode(picture.pixels)

    @app.post("/api/runs/{run}/picture")
    async def picture(run: int, request: Request) -> Response:
        if request.headers.get("content-type") != BYTES:  # which no form of another site can send
            raise _refusal(f"takes {BYTES}", "picture")
        try:
            return _binary(_choose(explored, run).read_picture(await request.body()))
        except ValueError as error:
            raise _refusal(str(error), "picture") from error

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def describe(explored: Sequence[ExploredRun]) -> dict[str, Any]:
    """Return the runs, names and colours of the classes, and a limit, as JSON has it."""
    runs = [run.describe() for run in explored]
    return describe_classes(explored) | {"runs": runs, "largest_file": LARGEST_FILE}


def _choose(things: Any, index: int) -> Any:  # noqa: ANN401
    if not 0 <= index < len(things):
        raise HTTPException(404)
    return things[index]


def _binary(content: bytes) -> Response:
    return Response(content, media_type=BYTES)


def _refusal(message: str, *field: str | int) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", *field), "msg": message}])


async def _name_the_field(request: Request, error: Exception) -> JSONResponse:
    """Answer 422 without repeating the input, which may hold what JSON cannot: NaN."""
    assert isinstance(error, RequestValidationError)
    complaints = [
        {"field": ".".join(map(str, one["loc"][1:])) or "body", "message": one["msg"]}
        for one in error.errors()[:MOST_COMPLAINTS]
    ]
    return JSONResponse({"detail": complaints}, 422)
