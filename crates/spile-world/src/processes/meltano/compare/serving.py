"""Serves questions: answers each line of JSON on standard input with a line of JSON, until the input ends."""

import json
import sys


def serve(begin, answer):
    """Answers questions with the methods of the object that `begin` creates. `answer` calls them and reports failures."""
    # Output of a plugin's code must not be mistaken for an answer.
    output, sys.stdout = sys.stdout, sys.stderr
    session = answer(begin)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        said = session if isinstance(session, dict) else answer(lambda: getattr(session, name)(*arguments))
        print(json.dumps(said), file=output, flush=True)
