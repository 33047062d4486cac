#!/usr/bin/env python3
"""Reports the results of spile to GitHub or GitLab.

Usage: report.py comment PLAN.md   writes a plan as a comment on a pull request or merge request, and updates it later
       report.py reviewed          prints the id of the plan that was reviewed in the merged pull request
       report.py sarif FILE        uploads problems to GitHub's code scanning

The first line of PLAN.md is a hidden mark by which the script finds its comment again: the comment starts with it and has
the same author. Someone else's comment that quotes the mark stays unchanged. `reviewed` finds the comment of the
environment in SPILE_MARK, for example `acme/prod`; it is not needed if there is only one comment with a plan.

On GitHub the script needs GITHUB_TOKEN and GITHUB_REPOSITORY, and the number of the pull request in PULL_REQUEST
(`comment`) or the merged commit in GITHUB_SHA (`reviewed`, `sarif`). On GitLab it needs GITLAB_TOKEN with the scope `api`
(`read_api` for `reviewed`), and the variables that CI sets itself. If the token belongs to an app, COMMENT_AUTHOR names
its bot, `NAME[bot]`. The script only uses Python's own library.
"""

import base64
import functools
import gzip
import json
import os
import re
import sys
import urllib.error
import urllib.request


PLAN_ID = re.compile(r"<code>spile apply --plan-id ([0-9a-f]{64})</code>")


def main() -> int:
    place = GitHub() if "GITHUB_REPOSITORY" in os.environ else GitLab()
    match sys.argv[1:]:
        case ["comment", plan]:
            return comment(place, plan)
        case ["reviewed"]:
            return reviewed(place)
        case ["sarif", report]:
            return sarif(place, report)
    print(__doc__, file=sys.stderr)
    return 64


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def refused(error: urllib.error.HTTPError, what: str) -> int:
    print(f"{what}: {error.code} {error.reason}", file=sys.stderr)
    # A pull request from a fork may write nothing, but the plan is in the job's summary.
    return 0 if error.code == 403 else 1


def comment(place, plan: str) -> int:
    with open(plan, encoding="utf-8") as file:
        body = file.read()
    mark = first_line(body)
    if not mark.startswith("<!--"):
        return fail(f"{plan} has no mark in its first line: write it with `spile plan --out-markdown`")
    request = place.request()
    try:
        known = next((one for one in place.comments(request) if is_ours(one, mark, place)), None)
        place.write(request, known, body)
    except urllib.error.HTTPError as error:
        return refused(error, "the comment was not written")
    print("the comment was written again" if known else "the comment was written")
    return 0


def reviewed(place) -> int:
    mark = f"<!-- spile plan {os.environ.get('SPILE_MARK', '')}".rstrip()
    request = place.merged()
    if request is None:
        return fail("this commit comes from no merged pull request, so no plan was reviewed: apply it by hand")
    plans = [one["body"] for one in place.comments(request) if is_plan(one, mark) and place.wrote(one)]
    if not plans:
        return fail(f"request {request} has no comment with a plan: run the review in it, and merge again")
    if len(plans) > 1:
        return fail(f"request {request} has plans of several environments: set SPILE_MARK to one, like `acme/prod`")
    found = PLAN_ID.findall(plans[0])
    if not found:
        return fail(f"the plan in request {request} has no id: run the review again with this version of spile")
    print(found[-1])
    return 0


def sarif(place, report: str) -> int:
    with open(report, "rb") as file:
        packed = base64.b64encode(gzip.compress(file.read())).decode()
    try:
        place.scanned(packed)
    except urllib.error.HTTPError as error:
        return refused(error, "the problems were not uploaded to code scanning")
    print("the problems were uploaded to code scanning")
    return 0


def first_line(body: str | None) -> str:
    return (body or "").partition("\n")[0].strip()


def is_plan(comment: dict, mark: str) -> bool:
    """Tells whether a comment starts with a mark, whole or as its first words."""
    return (first_line(comment.get("body")).removesuffix("-->").rstrip() + " ").startswith(mark + " ")


def is_ours(comment: dict, mark: str, place) -> bool:
    return first_line(comment.get("body")) == mark and place.wrote(comment)


def send(method: str, url: str, headers: dict, data: dict | None = None):
    """Sends a request; returns the JSON of the response, and the address of the next page."""
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "spile-ci", **headers}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        links = (part.split(";") for part in answer.headers.get("Link", "").split(",") if ";" in part)
        following = next((link[0].strip(" <>") for link in links if 'rel="next"' in link[1]), None)
        return json.load(answer), following


def pages(address: str, headers: dict):
    """Yields everything in a list, page by page."""
    page = f"{address}?per_page=100"
    while page:
        found, page = send("GET", page, headers)
        yield from found


class GitHub:
    def __init__(self):
        self.api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        self.repository = f"{self.api}/repos/{os.environ['GITHUB_REPOSITORY']}"
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

    def request(self):
        return os.environ["PULL_REQUEST"]

    def merged(self):
        """Returns the number of the pull request whose merge made the commit."""
        sha = os.environ["GITHUB_SHA"]
        found, _ = send("GET", f"{self.repository}/commits/{sha}/pulls", self.headers)
        return next((one["number"] for one in found if one["merge_commit_sha"] == sha and one["merged_at"]), None)

    def comments(self, request):
        return pages(f"{self.repository}/issues/{request}/comments", self.headers)

    def write(self, request, known, body):
        if known:
            send("PATCH", f"{self.repository}/issues/comments/{known['id']}", self.headers, {"body": body})
        else:
            send("POST", f"{self.repository}/issues/{request}/comments", self.headers, {"body": body})

    def scanned(self, packed):
        data = {"commit_sha": os.environ["GITHUB_SHA"], "ref": os.environ["GITHUB_REF"], "sarif": packed}
        send("POST", f"{self.repository}/code-scanning/sarifs", self.headers, data)


class GitLab:
    def __init__(self):
        self.api = os.environ["CI_API_V4_URL"]
        self.project = f"{self.api}/projects/{os.environ['CI_PROJECT_ID']}"
        self.headers = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"]}

    def wrote(self, comment):
        return comment["author"]["id"] == self.user()

    @functools.cache
    def user(self):
        return send("GET", f"{self.api}/user", self.headers)[0]["id"]

    def request(self):
        return os.environ["CI_MERGE_REQUEST_IID"]

    def merged(self):
        """Returns the number of the merge request whose merge made the commit."""
        sha = os.environ["CI_COMMIT_SHA"]
        found, _ = send("GET", f"{self.project}/repository/commits/{sha}/merge_requests", self.headers)
        merges = ("merge_commit_sha", "squash_commit_sha", "sha")
        made = (one for one in found if one["state"] == "merged" and sha in (one.get(name) for name in merges))
        return next((one["iid"] for one in made), None)

    def notes(self, request):
        return f"{self.project}/merge_requests/{request}/notes"

    def comments(self, request):
        return pages(self.notes(request), self.headers)

    def write(self, request, known, body):
        if known:
            send("PUT", f"{self.notes(request)}/{known['id']}", self.headers, {"body": body})
        else:
            send("POST", self.notes(request), self.headers, {"body": body})

    def scanned(self, packed):
        sys.exit("code scanning is a part of GitHub: on GitLab, use the format `junit`")


if __name__ == "__main__":
    sys.exit(main())
