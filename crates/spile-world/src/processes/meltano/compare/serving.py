"""How a program that is asked answers: a line of JSON for each line of its input, until that ends."""

import json
import sys


def serve(begin, answer):
    """Answers questions with the methods of what `begin` makes; `answer` runs what may fail, and says why it did."""
    # Whatever a plugin's code prints is no answer.
    output, sys.stdout = sys.stdout, sys.stderr
    session = answer(begin)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        said = session if isinstance(session, dict) else answer(lambda: getattr(session, name)(*arguments))
        print(json.dumps(said), file=output, flush=True)
