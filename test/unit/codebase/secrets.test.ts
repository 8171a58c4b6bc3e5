// Tests that files with secrets are recognised by name and by content, and that ordinary code is not.
import assert from "node:assert/strict";
import { secretByName, secretInText } from "../../../server/src/codebase/secrets.ts";

/** Random-looking letters; every fake token is assembled here, so that this file holds none. */
function letters(count: number, alphabet = "aB3dE5fGh7JkL9mNpQ2rSt"): string {
  return Array.from({ length: count }, (_, index) => alphabet[(index * 7 + 3) % alphabet.length]).join("");
}
const upper = (count: number) => letters(count, "ABCDEFGH234567");
const keyBlock = (kind: string, body = letters(64)) => `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----\n`;
const PRIVATE = ["PRIVATE", "KEY"].join(" ");

const SECRET_NAMES = [
  ...[".env", ".env.local", "app/.env.production", ".envrc", "prod.env", "deploy/id_rsa", "id_ed25519", "id_ecdsa_sk"],
  ...["server.key", "server.PEM", "cert.crt", "a.p12", "b.pfx", "c.jks", "x.keystore", "y.p8", "z.ppk", "vault.kdbx"],
  ...[".npmrc".replace("npmrc", "pypirc"), ".netrc", ".git-credentials", ".htpasswd", ".pgpass", "credentials.json"],
  ...["client_secret_12.json", "service-account.json", "terraform.tfstate", "prod.tfvars", "config/secrets.yml"],
  ...["home/.aws/credentials", ".docker/config.json", ".ssh/known_hosts", ".kube/config", "config/master.key"],
];
const ORDINARY_NAMES = [
  ...["env.ts", "environment.ts", "src/keys.ts", "id_rsa.pub", "docker/config.json", "secrets.ts", "token.py"],
  ...[".npmrc", "credentials.ts", ".docker/Dockerfile", "keystore.go", "README.md", "package.json", "aws/config.ts"],
];

const SECRET_TEXTS: [kind: string, text: string, path?: string][] = [
  ["private key", keyBlock(`RSA ${PRIVATE}`)],
  ["private key", keyBlock(`OPENSSH ${PRIVATE}`)],
  ["private key", keyBlock(`PGP ${PRIVATE} BLOCK`)],
  ["private key", keyBlock(PRIVATE, `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n${letters(64)}`)],
  ["private key", JSON.stringify({ private_key: keyBlock(PRIVATE) })],
  ["AWS key id", `aws_access_key_id = AK${"IA"}${upper(16)}`],
  ["AWS key id", `"AS${"IA"}${upper(16)}"`],
  ["GitHub token", `token: gh${"p_"}${letters(36)}`],
  ["GitHub token", `github${"_pat_"}${letters(60)}`],
  ["GitLab token", `gl${"pat-"}${letters(20)}`],
  ["Slack token", `xo${"xb-"}${letters(24)}`],
  ["API key", `OPENAI = "s${"k-"}${letters(48)}"`],
  ["API key", `s${"k-ant-"}${letters(60)}`],
  ["Stripe key", `sk${"_live_"}${letters(24)}`],
  ["Google API key", `AI${"za"}${letters(35)}`],
  ["npm token", `np${"m_"}${letters(36)}`],
  ["Hugging Face token", `h${"f_"}${letters(34)}`],
  ["SendGrid key", `S${"G."}${letters(22)}.${letters(43)}`],
  ["Azure storage key", `Account${"Key="}${letters(86)}==`],
  ["JSON web token", `"ey${"J"}${letters(20)}.ey${"J"}${letters(30)}.${letters(43)}"`],
  ["registry token", `//registry/:_auth${"Token="}${letters(20)}`, ".npmrc"],
  ["registry token", `npmAuth${"Token"}: "${letters(20)}"`, ".yarnrc.yml"],
];
const ORDINARY_TEXTS: [name: string, text: string, path?: string][] = [
  ["code that looks for a key's header", `if (pem.startsWith("-----BEGIN ${PRIVATE}-----")) parse(pem);\n`],
  ["a public key", keyBlock("PUBLIC KEY")],
  ["a documented example", `AK${"IA"}IOSFODNN7EXAMPLE`],
  ["a placeholder", `gh${"p_"}${"x".repeat(36)}`],
  ["hyphenated class names", `.s${"k-"}folding-cube-with-a-very-long-name-of-words { }`],
  ["an identifier that goes on", `const myAK${"IA"}${upper(16)} = 1;`],
  ["a variable instead of a token", `//registry/:_auth${"Token="}\${TOKEN}`, ".npmrc"],
  ["a token setting's name in code", `const setting = "_auth${"Token="}" + read();`],
  ["base64 without the dots", `ey${"J"}${letters(200)}`],
  ["empty", ""],
];

describe("secrets", () => {
  for (const name of SECRET_NAMES) it(`leaves out ${name}`, () => assert.notEqual(secretByName(name), undefined));
  for (const name of ORDINARY_NAMES) it(`reads ${name}`, () => assert.equal(secretByName(name), undefined));
  for (const [kind, text, path = "config.ts"] of SECRET_TEXTS) {
    it(`finds a ${kind} in ${path} and its line`, () => {
      assert.deepEqual(secretInText(path, `first\n\n${text}\nlast\n`), { kind, line: 3 });
    });
  }
  for (const [name, text, path = "code.ts"] of ORDINARY_TEXTS) {
    it(`does not take for one: ${name}`, () => assert.equal(secretInText(path, `first\n${text}\n`), undefined));
  }
});
