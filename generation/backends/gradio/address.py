"""Where an app is: a Space's page leads to its app, and an app's paths are below its address."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from generation.backends.remote.server import Server

_SPACE = re.compile(r"/spaces/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(/.*)?")
_HUB = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})


def app_server(server: Server) -> Server:
    """The server of the app itself, for the address of a Space's page on Hugging Face.

    A Space's app has a host made of its owner's and its own name: lower case, anything but
    letters and digits as a dash. Any other address is left as it is.
    """
    found = _SPACE.fullmatch(urlsplit(server.url).path)
    if server.host not in _HUB or found is None:
        return server
    host = re.sub(r"[^a-z0-9]+", "-", f"{found['owner']}-{found['name']}".lower()).strip("-")
    return replace(server, url=f"https://{host}.hf.space")


def file_path(prefix: str, path: str, url: str) -> str:
    """The path below our own address at which a file is fetched, whatever the app says it is.

    Behind proxies, and in /call before 5.23, the ``url`` of a result is wrong; what it says of an
    app within an app (``/proxy=``) is needed all the same.
    """
    _, proxied, rest = url.partition("/proxy=")
    if proxied:
        return f"{prefix}/proxy={rest}"
    return f"{prefix}/file={quote(path, safe='/')}"
