"""Follows the Socket.IO API with the client of another language and prints what it gets, one JSON object a line.

Usage: socketio_client.py URL KEY TRANSPORT EVENT COUNT SUBSCRIBE_BODY
"""

import json
import sys
from threading import Lock

import socketio

url, key, transport, event, count, body = sys.argv[1:7]
client = socketio.Client(reconnection=False)
remaining = int(count)


printing = Lock()


def say(kind, value):
    """Prints one line. The client calls its handlers in threads of their own, whose lines must not mix."""
    with printing:
        print(json.dumps({"kind": kind, "value": value}), flush=True)


@client.on("connected", namespace="/v1/realtime")
def connected(message):
    say("connected", message)


@client.on(event, namespace="/v1/realtime")
def received(message, cursor):
    global remaining
    assert cursor == message["cursor"]
    say("event", message)
    remaining -= 1
    if remaining == 0:
        client.disconnect()


@client.on("connect_error", namespace="/v1/realtime")
def refused(reason):
    say("refused", reason)


try:
    client.connect(
        url,
        namespaces=["/v1/realtime"],
        auth={"apiKey": key},
        transports=[transport] if transport == "websocket" else ["polling", "websocket"],
        wait_timeout=4,
    )
except socketio.exceptions.ConnectionError as error:
    say("failed", str(error))
    sys.exit(3)
say("ping", client.call("ping", {}, namespace="/v1/realtime", timeout=10))
say("answer", client.call("subscribe", json.loads(body), namespace="/v1/realtime", timeout=10))
client.wait()
