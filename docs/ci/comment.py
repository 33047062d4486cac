#!/usr/bin/env python3
"""Writes a plan as a comment on a pull request or merge request, and updates that one comment later.

Usage: comment.py PLAN.md

The first line of PLAN.md is a hidden mark by which the script finds its comment again: the comment starts with it and has
the same author. Someone else's comment that quotes the mark stays unchanged. On GitHub it needs GITHUB_TOKEN,
GITHUB_REPOSITORY and the number of the pull request in PULL_REQUEST; on GitLab GITLAB_TOKEN with the scope `api`, and the
variables that CI sets itself. If the token belongs to an app, COMMENT_AUTHOR names its bot, `NAME[bot]`. The script only
uses Python's own library.
"""

import functools
import json
import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    with open(sys.argv[1], encoding="utf-8") as file:
        body = file.read()
    mark = body.partition("\n")[0].strip()
    if not mark.startswith("<!--"):
        print(f"{sys.argv[1]} has no mark in its first line: write it with `spile plan --out-markdown`", file=sys.stderr)
        return 1
    place = GitHub() if "GITHUB_REPOSITORY" in os.environ else GitLab()
    try:
        known = next((one for one in place.comments() if is_ours(one, mark, place)), None)
        place.write(known, body)
    except urllib.error.HTTPError as error:
        # A pull request from a fork may not write comments, but the plan is in the job's summary.
        print(f"the comment was not written: {error.code} {error.reason}", file=sys.stderr)
        return 0 if error.code == 403 else 1
    print("the comment was written again" if known else "the comment was written")
    return 0


def is_ours(comment: dict, mark: str, place) -> bool:
    first = (comment.get("body") or "").partition("\n")[0].strip()
    return first == mark and place.wrote(comment)


def send(method: str, url: str, headers: dict, data: dict | None = None):
    """Sends a request; returns the JSON of the response, and the address of the next page."""
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "spile-ci", **headers}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        links = (part.split(";") for part in answer.headers.get("Link", "").split(",") if ";" in part)
        following = next((link[0].strip(" <>") for link in links if 'rel="next"' in link[1]), None)
        return json.load(answer), following


class GitHub:
    def __init__(self):
        self.api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        self.repository = f"{self.api}/repos/{os.environ['GITHUB_REPOSITORY']}"
        self.list = f"{self.repository}/issues/{os.environ['PULL_REQUEST']}/comments"
        self.headers = {
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
        }

    def wrote(self, comment):
        """Tells whether the token's own user wrote a comment. A workflow's token has no user, so it is GitHub's bot."""
        return comment["user"]["login"] == self.user()

    @functools.cache
    def user(self):
        try:
            return send("GET", f"{self.api}/user", self.headers)[0]["login"]
        except urllib.error.HTTPError as error:
            # "Resource not accessible by integration": a workflow's token, or one of an app, which names its bot itself.
            if error.code not in (401, 403):
                raise
            return os.environ.get("COMMENT_AUTHOR", "github-actions[bot]")

    def comments(self):
        page = f"{self.list}?per_page=100"
        while page:
            found, page = send("GET", page, self.headers)
            yield from found

    def write(self, known, body):
        if known:
            send("PATCH", f"{self.repository}/issues/comments/{known['id']}", self.headers, {"body": body})
        else:
            send("POST", self.list, self.headers, {"body": body})


class GitLab:
    def __init__(self):
        project, request = os.environ["CI_PROJECT_ID"], os.environ["CI_MERGE_REQUEST_IID"]
        self.api = os.environ["CI_API_V4_URL"]
        self.list = f"{self.api}/projects/{project}/merge_requests/{request}/notes"
        self.headers = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"]}

    def wrote(self, comment):
        return comment["author"]["id"] == self.user()

    @functools.cache
    def user(self):
        return send("GET", f"{self.api}/user", self.headers)[0]["id"]

    def comments(self):
        page = f"{self.list}?per_page=100"
        while page:
            found, page = send("GET", page, self.headers)
            yield from found

    def write(self, known, body):
        if known:
            send("PUT", f"{self.list}/{known['id']}", self.headers, {"body": body})
        else:
            send("POST", self.list, self.headers, {"body": body})


if __name__ == "__main__":
    sys.exit(main())
