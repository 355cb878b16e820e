from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from talkover.media.port import MediaPort


@pytest.fixture
async def media() -> AsyncIterator[MediaPort]:
    port = MediaPort("127.0.0.1", 0)
    yield port
    port.close()
