"""LitServe."""

import litserve
from digits import CORES, PORT
from fastapi import Request


class Digits(litserve.LitAPI):
    """Reads the body of a request."""

    def setup(self, device: str) -> None:
        """Load the network, in a worker."""
        from digits import read

        self._read = read

    async def decode_request(self, request: Request) -> bytes:
        """The body."""
        return await request.body()

    def predict(self, x: bytes) -> dict[str, object]:
        """The reading."""
        return self._read(x)

    def encode_response(self, output: dict[str, object]) -> dict[str, object]:
        """As it is."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=CORES)
    server.run(port=PORT, num_api_servers=CORES, log_level="error", generate_client_file=False)
