// Decrypts a sops JSON document with sops-age, a reader independent of sops and of spile.
//
// `node decrypt.mjs <folder with node_modules> <key file>`: the document on stdin, its plaintext on stdout.
// sops-age checks no MAC and no scope: it decrypts whatever starts with `ENC[`.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, keyFile] = process.argv.slice(2);
const { decryptSops } = createRequire(join(folder, "package.json"))("sops-age");

const lines = readFileSync(keyFile, "utf8").split("\n");
const secretKey = lines.find((line) => line.startsWith("AGE-SECRET-KEY-"));
const plain = await decryptSops(readFileSync(0, "utf8"), { secretKey, fileType: "json" });
process.stdout.write(`${JSON.stringify(plain)}\n`);
