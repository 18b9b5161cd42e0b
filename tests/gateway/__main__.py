"""Serve the gateway until the process is killed: ``python -m tests.gateway [SEED]``."""

import sys

from tests.gateway.server import Server

if __name__ == "__main__":
    server = Server(*(int(argument) for argument in sys.argv[1:]))
    print(server.server_port, flush=True)
    server.serve_forever()
