// Edits the documents of this folder into ones that are wrong or odd: `node negative.mjs <folder>`.
//
// Each becomes a file named after the edit. make.sh then runs the official sops on each.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const here = import.meta.dirname;
const read = (name) => JSON.parse(readFileSync(join(here, name), "utf8"));

/** Writes `base` as changed by `edit`, which may return another text or document. */
function make(name, base, edit) {
  const document = read(base);
  const edited = edit(document) ?? document;
  const text = typeof edited === "string" ? edited : JSON.stringify(edited, null, "\t");
  writeFileSync(join(folder, `${name}.json`), `${text.trimEnd()}\n`);
}

/** Replaces one field of an ENC[] value. */
const field = (value, name, change) =>
  value.replace(new RegExp(`(${name}:)([^,\\]]+)`), (_, label, old) => label + change(old));

/** Changes one bit of the first byte of a base64 text. */
function flip(base64) {
  const bytes = Buffer.from(base64, "base64");
  bytes[0] ^= 1;
  return bytes.toString("base64");
}

const cut = (base64) => Buffer.from(base64, "base64").subarray(0, -1).toString("base64");

const FULL = "encrypted-regex.json";
const MAC_ONLY = "mac-only.json";

// One value.
const password = (change) => (document) => {
  document.secrets.password = change(document.secrets.password);
};
make("enc-truncated", FULL, password((value) => value.slice(0, value.indexOf(",tag:"))));
make("enc-without-the-last-bracket", FULL, password((value) => value.slice(0, -1)));
make("enc-without-a-type", FULL, password((value) => value.replace(",type:str", "")));
make("enc-data-empty", FULL, password((value) => field(value, "data", () => "")));
make("enc-not-base64", FULL, password((value) => field(value, "data", () => "%%%%")));
make("enc-base64-unpadded", FULL, password((value) => field(value, "tag", (old) => old.replaceAll("=", ""))));
make("enc-trailing-text", FULL, password((value) => `${value} and more`));
make("enc-leading-space", FULL, password((value) => ` ${value}`));
make("data-shortened", FULL, password((value) => field(value, "data", cut)));
make("data-changed", FULL, password((value) => field(value, "data", flip)));
make("iv-changed", FULL, password((value) => field(value, "iv", flip)));
make("iv-shortened", FULL, password((value) => field(value, "iv", cut)));
make("tag-changed", FULL, password((value) => field(value, "tag", flip)));
make("tag-shortened", FULL, password((value) => field(value, "tag", cut)));
make("tag-moved-into-data", FULL, password((value) => {
  const [, data, tag] = value.match(/data:([^,]+),.*tag:([^,]+),/);
  const all = Buffer.concat([Buffer.from(data, "base64"), Buffer.from(tag, "base64")]);
  const moved = field(value, "data", () => all.subarray(0, -4).toString("base64"));
  return field(moved, "tag", () => all.subarray(-4).toString("base64"));
}));
make("cipher-aes128", FULL, password((value) => value.replace("AES256_GCM", "AES128_GCM")));
make("type-unknown", FULL, password((value) => field(value, "type", () => "date")));
make("type-empty", FULL, password((value) => field(value, "type", () => "")));
make("type-str-to-int", FULL, password((value) => field(value, "type", () => "int")));
make("type-str-to-bool", FULL, password((value) => field(value, "type", () => "bool")));
make("type-str-to-bytes", FULL, password((value) => field(value, "type", () => "bytes")));
make("type-str-to-comment", FULL, password((value) => field(value, "type", () => "comment")));
make("type-int-to-str", FULL, (document) => {
  document.secrets.pin = field(document.secrets.pin, "type", () => "str");
});
make("type-int-to-float", FULL, (document) => {
  document.secrets.pin = field(document.secrets.pin, "type", () => "float");
});
make("plaintext-in-scope", FULL, password(() => "hunter2"));
make("number-in-scope", FULL, password(() => 5));
make("boolean-in-scope", FULL, password(() => true));
make("enc-out-of-scope", FULL, (document) => {
  document.after = document.secrets.password;
});

// The document around it.
make("values-swapped", FULL, ({ secrets }) => {
  [secrets.password, secrets.tls.key] = [secrets.tls.key, secrets.password];
});
make("list-elements-swapped", FULL, ({ secrets }) => void secrets.list.reverse());
make("secret-removed", FULL, ({ secrets }) => void delete secrets.pin);
make("secret-added-by-copy", FULL, ({ secrets }) => void secrets.list.push(secrets.list[0]));
make("secret-renamed", FULL, ({ secrets }) => {
  secrets.passphrase = secrets.password;
  delete secrets.password;
});
make("secrets-reordered", FULL, (document) => {
  const { password: first, ...rest } = document.secrets;
  document.secrets = { ...rest, password: first };
});
make("secret-emptied", FULL, password(() => ""));
make("secret-nulled", FULL, password(() => null));
make("plain-value-edited", FULL, (document) => void (document.after = "first"));
make("plain-key-renamed", FULL, ({ after, sops, ...rest }) => ({ ...rest, behind: after, sops }));
make("plain-null-added", FULL, (document) => void (document.added = null));
make("plain-empty-added", FULL, (document) => void (document.added = { text: "", list: [], map: {} }));
make("plain-integer-as-text", FULL, (document) => void (document.id = "7"));
make("plain-integer-as-float", FULL, (document) => JSON.stringify(document, null, "\t").replace('"id": 7', '"id": 7.0'));
make("key-twice", FULL, (document) =>
  JSON.stringify(document, null, "\t").replace('"after"', `"after": "first",\n\t"after"`));
make("mac-only-secret-removed", MAC_ONLY, ({ secrets }) => void delete secrets.pin);
make("mac-only-list-elements-swapped", MAC_ONLY, ({ secrets }) => void secrets.list.reverse());
make("mac-only-nested-secrets-moved", MAC_ONLY, ({ config, secrets, ...rest }) => ({ secrets, config, ...rest }));
make("mac-only-plain-edited", MAC_ONLY, (document) => void (document.config.host = "elsewhere"));
make("mac-only-plain-removed", MAC_ONLY, ({ config, secrets, sops }) => ({
  config: { secrets: config.secrets },
  secrets,
  sops,
}));

// The metadata.
const metadata = (change) => ({ sops }) => void change(sops);
make("mac-from-another-document", FULL, metadata((sops) => (sops.mac = read(MAC_ONLY).sops.mac)));
make("mac-changed", FULL, metadata((sops) => (sops.mac = field(sops.mac, "data", flip))));
make("mac-missing", FULL, metadata((sops) => delete sops.mac));
make("mac-empty", FULL, metadata((sops) => (sops.mac = "")));
make("mac-null", FULL, metadata((sops) => (sops.mac = null)));
make("mac-not-encrypted", FULL, metadata((sops) => (sops.mac = "0".repeat(128))));
make("lastmodified-edited", FULL, metadata((sops) => (sops.lastmodified = "2026-01-01T00:00:00Z")));
make("lastmodified-fraction", FULL, metadata((sops) => (sops.lastmodified = sops.lastmodified.replace("Z", ".5Z"))));
make("lastmodified-offset-zero", FULL, metadata((sops) => (sops.lastmodified = sops.lastmodified.replace("Z", "+00:00"))));
make("lastmodified-missing", FULL, metadata((sops) => delete sops.lastmodified));
make("lastmodified-a-date", FULL, metadata((sops) => (sops.lastmodified = "2026-01-01")));
make("version-missing", FULL, metadata((sops) => delete sops.version));
make("version-empty", FULL, metadata((sops) => (sops.version = "")));
make("version-not-semantic", FULL, metadata((sops) => (sops.version = "3.9")));
make("version-with-a-v", FULL, metadata((sops) => (sops.version = "v3.9.0")));
make("version-ancient", FULL, metadata((sops) => (sops.version = "3.2.0")));
make("version-of-the-future", FULL, metadata((sops) => (sops.version = "99.0.0")));
make("mac-only-flag-added", FULL, metadata((sops) => (sops.mac_only_encrypted = true)));
make("mac-only-flag-removed", MAC_ONLY, metadata((sops) => delete sops.mac_only_encrypted));
make("mac-only-flag-as-text", MAC_ONLY, metadata((sops) => (sops.mac_only_encrypted = "true")));
make("scope-removed", FULL, metadata((sops) => delete sops.encrypted_regex));
make("scope-narrowed", FULL, metadata((sops) => (sops.encrypted_regex = "^tls$")));
make("scope-widened", FULL, metadata((sops) => (sops.encrypted_regex = "")));
make("scope-not-a-pattern", FULL, metadata((sops) => (sops.encrypted_regex = "(")));
make("scopes-two", FULL, metadata((sops) => (sops.encrypted_suffix = "_enc")));
make("scopes-two-one-empty", FULL, metadata((sops) => (sops.encrypted_suffix = "")));
make("recipients-missing", FULL, metadata((sops) => delete sops.age));
make("recipients-empty", FULL, metadata((sops) => (sops.age = [])));
make("recipients-null-lists", FULL, metadata((sops) => Object.assign(sops, { kms: null, pgp: [], gcp_kms: null })));
make("recipient-not-ours", "several-recipients.json", metadata((sops) => void sops.age.shift()));
make("recipient-mislabelled", FULL, metadata((sops) => {
  sops.age[0].recipient = read("several-recipients.json").sops.age[1].recipient;
}));
make("recipient-not-a-key", FULL, metadata((sops) => (sops.age[0].recipient = "nobody")));
make("recipient-of-another-document", FULL, metadata((sops) => (sops.age = read(MAC_ONLY).sops.age)));
make("recipient-damaged", FULL, metadata((sops) => (sops.age[0].enc = sops.age[0].enc.replace("YWdl", "YWdm"))));
make("metadata-unknown-field", FULL, metadata((sops) => (sops.invented = { by: "us" })));
make("metadata-missing", FULL, (document) => void delete document.sops);
make("metadata-null", FULL, (document) => void (document.sops = null));
make("metadata-empty", FULL, (document) => void (document.sops = {}));
make("metadata-first", FULL, ({ sops, ...rest }) => ({ sops, ...rest }));
make("key-group-missing", "key-groups.json", metadata((sops) => void sops.key_groups.pop()));
make("key-groups-swapped", "key-groups.json", metadata((sops) => void sops.key_groups.reverse()));
make("not-json", FULL, (document) => JSON.stringify(document).slice(0, -1));
make("not-an-object", FULL, (document) => [document]);
make("empty", FULL, () => "");
