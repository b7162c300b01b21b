"""A bare aiohttp handler in a process of its own: what a request costs before anything of ours.

Run by `api`: `python -m tests.bench.bare`. It prints its port and serves until it is ended.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

_BODY = b'{"items":[],"nextCursor":null}'


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(body=_BODY, content_type="application/json")


async def main() -> None:
    """Serve one path on a free port."""
    app = web.Application()
    app.router.add_get("/", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
