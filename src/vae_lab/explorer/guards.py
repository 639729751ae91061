"""Layers around the explorer: a limit on request bodies, and headers that restrict browsers."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024  # bytes, unless an image needs more
LARGEST_FILE = 32 * 2**20  # bytes of a picture

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class BoundedBodies:
    """Reads a request's body before anyone else does, and answers 413 to one that is too large.

    The size is counted and not believed: a header may lie, or be missing.

    Args:
        app: what a request is passed on to.
        largest: path → bytes that are read.
    """

    def __init__(self, app: ASGIApp, largest: Callable[[str], int]) -> None:
        self.app = app
        self.largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of bounded size."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, is_complete = bytearray(), False
        largest = self.largest(scope["path"])
        while not is_complete:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            is_complete = not message.get("more_body", False)
            if len(body) > largest:
                refusal = PlainTextResponse(f"at most {largest} bytes are read\n", 413)
                await refusal(scope, receive, send)
                return
        waiting: list[Message] = [{"type": "http.request", "body": bytes(body)}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)


class ForbiddingHeaders:
    """Tells the browser, with every answer, what the page must not do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add ``HEADERS`` to the answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)
