// A provider of OAuth: oauth2-mock-server, which checks PKCE, with faults by the id of the client, and the device flow of
// RFC 8628, which it does not have. Usage: provider.mjs FOLDER, the folder of its `node_modules`. Prints its port.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder] = process.argv.slice(2);
const entry = createRequire(`${folder}/x.js`).resolve("oauth2-mock-server");
const { OAuth2Server } = await import(pathToFileURL(entry));

const mock = new OAuth2Server();
await mock.issuer.keys.generate("RS256");
const used = new Set();

mock.service.on("beforeAuthorizeRedirect", ({ url }, { query }) => {
  const refuse = (error, words) => {
    url.searchParams.delete("code");
    url.searchParams.set("error", error);
    url.searchParams.set("error_description", words);
  };
  if (query.client_id === "denied") refuse("access_denied", "end-user denied authorization");
  if (query.client_id === "redirect") refuse("invalid_request", "redirect_uri must match configuration");
  if (query.client_id === "scope") refuse("invalid_scope", "unknown scope");
  if (query.client_id === "state") url.searchParams.set("state", "of-another-tab");
});

// Of OpenID Connect: the person, with faults by the id of the client.
mock.service.on("beforeTokenSigning", ({ payload }, { body }) => {
  Object.assign(payload, { sub: "u-1", email: "anna@example.com", app_metadata: { role: "editor" } });
  if (body.client_id === "no-role") delete payload.app_metadata;
  if (body.client_id === "other-nonce") payload.nonce = "of-another-sign-in";
  if (body.client_id === "other-audience") payload.aud = "another-client";
  if (body.client_id === "other-party") payload.azp = "another-client";
  if (body.client_id === "late") payload.exp = 1;
});

mock.service.on("beforeResponse", (answer, { body, headers }) => {
  const basic = Buffer.from((headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString();
  const [id, secret] = headers.authorization ? basic.split(":") : [body.client_id, body.client_secret];
  const refuse = (statusCode, error, error_description) => Object.assign(answer, { statusCode, body: { error, error_description } });
  answer.body.refresh_token = `refresh-of-${id}`;
  if (secret !== "hunter2-of-the-client") return refuse(401, "invalid_client", "invalid client credentials");
  if (!body.code_verifier) return refuse(400, "invalid_request", "missing code_verifier");
  if (used.has(body.code)) return refuse(400, "invalid_grant", "code used twice");
  used.add(body.code);
  if (id === "expired") refuse(400, "invalid_grant", "expired authorization code");
  if (id === "ok-error") refuse(200, "bad_verification_code", "The code passed is incorrect or expired.");
  if (id === "echo") refuse(400, "invalid_request", `client_secret ${secret} is too short`);
  if (id === "no-id-token") delete answer.body.id_token;
  if (id === "no-refresh") delete answer.body.refresh_token;
  if (id === "nonsense") answer.body = { hello: "hunter3" };
});

let asked = 0;
const json = (response, status, body) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

const server = createServer(async (request, response) => {
  if (request.url === "/device") {
    const code = { device_code: "d-1", user_code: "WDJB-MJHT", verification_uri: "http://127.0.0.1/activate" };
    return json(response, 200, { ...code, expires_in: 600, interval: 1 });
  }
  if (request.url === "/device/token") {
    asked += 1;
    if (asked === 1) return json(response, 400, { error: "authorization_pending" });
    return json(response, 200, { access_token: "a", token_type: "Bearer", refresh_token: "refresh-of-device" });
  }
  mock.service.requestHandler(request, response);
});
server.listen(0, "127.0.0.1", () => {
  mock.issuer.url = `http://127.0.0.1:${server.address().port}`;
  console.log(server.address().port);
});
