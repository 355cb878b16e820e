"""Small pictures, 64 by 48 and of one colour: lossy WebP, and one that is lossless."""

from __future__ import annotations

import base64

RED = base64.b64decode(
    "UklGRlIAAABXRUJQVlA4IEYAAACQAwCdASpAADAAPm02mEkkIyKhIqgAgA2JZwB2AAAqNNKfWPDAAP7vKUf/9izlsCUH"
    "//3OB/3OB/3OB/FPYbDzPHigAAAA"
)
BLUE = base64.b64decode(
    "UklGRk4AAABXRUJQVlA4IEIAAACQAwCdASpAADAAPm02mEkkIyKhIqgAgA2JZwB2AAAqNMY4fBmAAP71J1//+ysf+lY/"
    "9Kx+8F/68p8SyzL5lgQAAAA="
)
LOSSLESS = base64.b64decode("UklGRiAAAABXRUJQVlA4TBQAAAAvB8ABAAdQgVQIIAAKmv7HiIj+Bw==")
