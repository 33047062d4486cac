// Encrypts the password of encrypted-regex.json again with an IV of 12 bytes, which sops never writes but reads:
// `node iv-12.mjs <folder with sops-age's node_modules>`, the document on stdout. The MAC covers the plaintext
// and stays valid.

import { createCipheriv, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Decrypter, armor } = await import(
  createRequire(join(process.argv[2], "package.json")).resolve("age-encryption")
);
const here = import.meta.dirname;
const document = JSON.parse(readFileSync(join(here, "encrypted-regex.json"), "utf8"));

const decrypter = new Decrypter();
decrypter.addIdentity(readFileSync(join(here, "key.txt"), "utf8").match(/^AGE-SECRET-KEY-.*$/m)[0]);
const key = await decrypter.decrypt(armor.decode(document.sops.age[0].enc));

const iv = randomBytes(12);
const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from("secrets:password:"));
const data = Buffer.concat([cipher.update("hunter2"), cipher.final()]).toString("base64");
const tag = cipher.getAuthTag().toString("base64");
document.secrets.password = `ENC[AES256_GCM,data:${data},iv:${iv.toString("base64")},tag:${tag},type:str]`;
process.stdout.write(`${JSON.stringify(document, null, "\t")}\n`);
