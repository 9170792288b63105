"""Small applications to put behind the edge."""

import asyncio


async def hello(scope, receive, send):
    """Answer at once, without a look at the body."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain"), (b"content-length", b"5")],
        }
    )
    await send({"type": "http.response.body", "body": b"hello"})


async def echo_length(scope, receive, send):
    """Read the whole body and tell its length."""
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        length += len(message["body"])
        if not message["more_body"]:
            break
    body = str(length).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def show_headers(scope, receive, send):
    """Answer with the names of the headers that came, after the body."""
    while (await receive()).get("more_body"):
        pass
    body = b" ".join(name for name, _ in scope["headers"]) + b" | " + scope["raw_path"]
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def endless(scope, receive, send):
    """Send without end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await asyncio.sleep(0)


async def sleepy(scope, receive, send):
    """Never answer."""
    await asyncio.sleep(3600)


async def broken(scope, receive, send):
    """Raise what nobody foresaw."""
    raise ZeroDivisionError("the patient is Test^Name")


async def half(scope, receive, send):
    """Raise when the answer has begun."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]}
    )
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ZeroDivisionError
