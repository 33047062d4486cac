"""An editor's client of the language server: pygls, whose types refuse anything outside the protocol.

Started as `client.py SPILE PROJECT`; edits one file as an editor would, and prints the results as JSON.
"""

import asyncio
import json
import pathlib
import sys

from lsprotocol import types
from pygls.lsp.client import LanguageClient


async def main(spile: str, project: pathlib.Path) -> dict:
    client = LanguageClient("tests", "1")
    published = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def _(said: types.PublishDiagnosticsParams):
        published.put_nowait(said)

    await client.start_io(spile, "-C", str(project), "lsp", "--stdio")
    folder = types.WorkspaceFolder(uri=project.as_uri(), name="tests")
    made = await client.initialize_async(
        types.InitializeParams(
            process_id=None, capabilities=types.ClientCapabilities(), root_uri=project.as_uri(), workspace_folders=[folder]
        )
    )
    client.initialized(types.InitializedParams())
    path = project / "integrations" / "fruit.toml"
    good = path.read_text()
    bad = good.replace('type = "singer-jsonl"', 'type = "singer-jsnol"')
    document = types.TextDocumentIdentifier(uri=path.as_uri())
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(
            types.TextDocumentItem(uri=path.as_uri(), language_id="toml", version=1, text=good)
        )
    )

    def change(version: int, text: str) -> None:
        whole = types.TextDocumentContentChangeWholeDocument(text=text)
        of = types.VersionedTextDocumentIdentifier(version=version, uri=path.as_uri())
        client.text_document_did_change(types.DidChangeTextDocumentParams(text_document=of, content_changes=[whole]))

    async def diagnostics(wanted: int) -> list:
        while True:
            said = await asyncio.wait_for(published.get(), 30)
            if said.uri == path.as_uri() and len(said.diagnostics) == wanted:
                return said.diagnostics

    change(2, bad)
    [found] = await diagnostics(1)
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(document, found.range, types.CodeActionContext(diagnostics=[found]))
    )
    edits = actions[0].edit.changes[path.as_uri()]
    change(3, good)
    await diagnostics(0)
    kind = next(number for number, line in enumerate(good.splitlines()) if line.startswith("type"))
    at = types.Position(line=kind, character=9)
    offered = await client.text_document_completion_async(types.CompletionParams(document, at))
    hover = await client.text_document_hover_async(types.HoverParams(document, types.Position(line=kind, character=1)))
    loader = next(number for number, line in enumerate(good.splitlines()) if line.startswith("loader"))
    renamed = await client.text_document_rename_async(
        types.RenameParams(document, types.Position(line=loader, character=11), new_name="pond")
    )
    await client.shutdown_async(None)
    client.exit(None)
    await asyncio.wait_for(client._server.wait(), 30)
    items = offered.items if isinstance(offered, types.CompletionList) else offered
    return {
        "server": made.server_info.name if made.server_info else None,
        "code": found.code,
        "fix": edits[0].new_text,
        "offered": sorted(item.label for item in items),
        "hover": hover.contents.value if hover else None,
        "renames": sorted(type(one).__name__ for one in renamed.document_changes),
        "exit": client._server.returncode,
    }


print(json.dumps(asyncio.run(main(sys.argv[1], pathlib.Path(sys.argv[2])))))
