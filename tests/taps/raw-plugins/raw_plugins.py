"""A tap that writes the bytes of a file, and a loader that writes the bytes it gets to a file and ends as it is told."""

import json
import os
import signal
import sys
import time


def folder():
    return os.environ["RAW_PLUGINS"]


def tap():
    if "--discover" in sys.argv:
        open(os.path.join(folder(), "discovered"), "w").close()
        return print(json.dumps({"streams": []}))
    if os.path.exists(os.path.join(folder(), "endless")):
        number = 0
        print(json.dumps({"type": "SCHEMA", "stream": "a", "schema": {}, "key_properties": []}))
        while True:
            number += 1
            print(json.dumps({"type": "RECORD", "stream": "a", "record": {"id": number}}))
    if os.path.exists(os.path.join(folder(), "slow")):
        sys.stdout.write("\n")
        sys.stdout.flush()
        time.sleep(3)
    with open(os.path.join(folder(), "sent"), "rb") as file:
        while piece := file.read(1 << 20):
            sys.stdout.buffer.write(piece)
    sys.stdout.flush()
    lingers = os.path.join(folder(), "lingers")
    if os.path.exists(lingers):
        # Its output has ended long before the process ends.
        os.close(1)
        time.sleep(2)
        os._exit(int(open(lingers).read()))


def target():
    end = os.path.join(folder(), "end")
    words = open(end).read().split() if os.path.exists(end) else []
    if words == ["drain"]:
        while os.read(0, 1 << 20):
            pass
        return
    after = int(words[0]) if words else None
    confirmed = 0
    with open(os.path.join(folder(), "received"), "wb") as file:
        for number, line in enumerate(sys.stdin.buffer, 1):
            file.write(line)
            if line.startswith(b'{"type": "STATE"'):
                print(json.dumps(json.loads(line)["value"]), flush=True)
            if number == after:
                file.flush()
                print("INFO rows so far", number, file=sys.stderr, flush=True)
                if words[1] == "sleep":
                    time.sleep(3)
                    continue
                if words[1] == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                if words[1] == "raise":
                    raise RuntimeError("the table is read-only")
                os._exit(int(words[1]))


if __name__ == "__main__":
    tap()
