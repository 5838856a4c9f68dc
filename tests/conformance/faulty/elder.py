"""A connector whose module asks for an address when it is imported."""

from __future__ import annotations

import socket

from tests.conformance.faulty.birch import Birch

socket.getaddrinfo("localhost", 80)


class Elder(Birch):
    name = "elder"
