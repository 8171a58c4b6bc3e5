// Tests that files with secrets are recognised by name and by content, and that ordinary code is not.
import assert from "node:assert/strict";
import fc from "fast-check";
import { secretByName, secretInText, withArticle } from "../../../server/src/codebase/secrets.ts";

/** Random-looking letters; every fake token is assembled here, so that this file holds none. */
function letters(count: number, alphabet = "aB3dE5fGh7JkL9mNpQ2rSt"): string {
  return Array.from({ length: count }, (_, index) => alphabet[(index * 7 + 3) % alphabet.length]).join("");
}
const upper = (count: number) => letters(count, "ABCDEFGH234567");
const keyBlock = (kind: string, body = letters(64)) => `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----\n`;
const PRIVATE = ["PRIVATE", "KEY"].join(" ");

const hex = (count: number) => letters(count, "a1b2c3d4e5f60789");

const SECRET_NAMES = [
  ...[".env", ".env.local", "app/.env.production", ".envrc", "prod.env", "deploy/id_rsa", "id_ed25519", "id_ecdsa_sk"],
  ...["server.key", "server.PEM", "cert.crt", "a.p12", "b.pfx", "c.jks", "x.keystore", "y.p8", "z.ppk", "vault.kdbx"],
  ...[".npmrc".replace("npmrc", "pypirc"), ".netrc", ".git-credentials", ".htpasswd", ".pgpass", "credentials.json"],
  ...["client_secret_12.json", "service-account.json", "terraform.tfstate", "prod.tfvars", "config/secrets.yml"],
  ...["home/.aws/credentials", ".docker/config.json", ".ssh/known_hosts", ".kube/config", "config/master.key"],
  ...[
    "a/wp-config.php",
    ".zsh_history",
    "x.ovpn",
    "sftp-config.json",
    ".config/gh/hosts.yml",
    "prod.tfvars.json",
    ".azure/a",
  ],
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
  ["AWS secret key", `aws_${"secret"}_access_key = ${letters(40)}`],
  ["AWS secret key", `"aws${"Secret"}AccessKey": "${letters(40)}"`.replace("Access", "access")],
  ["GitLab token", `gl${"agent-"}${letters(50)}`],
  ["Slack web hook", `https://hooks.slack${".com"}/services/T${upper(8)}/B${upper(8)}/${letters(24)}`],
  ["Stripe key", `wh${"sec_"}${letters(32)}`],
  ["Google client secret", `GOC${"SPX-"}${letters(28)}`],
  ["Google access token", `ya${"29."}${letters(80)}`],
  ["DigitalOcean token", `dop${"_v1_"}${hex(64)}`],
  ["Shopify token", `shp${"at_"}${hex(32)}`],
  ["Square token", `sq0${"atp-"}${letters(22)}`],
  ["Mailgun key", `ke${"y-"}${hex(32)}`],
  ["Twilio key", `S${"K"}${hex(32)}`],
  ["Telegram token", `123456789:${"AA"}${letters(33)}`],
  ["Vault token", `hv${"s."}${letters(95)}`],
  ["Terraform token", `${letters(14)}.atlas${"v1."}${letters(67)}`],
  ["Databricks token", `da${"pi"}${hex(32)}`],
  ["Doppler token", `dp.${"pt."}${letters(43)}`],
  ["Docker token", `dckr${"_pat_"}${letters(27)}`],
  ["Atlassian token", `ATA${"TT3"}${letters(180)}`],
  ["Linear key", `lin${"_api_"}${letters(40)}`],
  ["Postman key", `PM${"AK-"}${hex(24)}-${hex(34)}`],
  ["Pulumi token", `pu${"l-"}${hex(40)}`],
  ["New Relic key", `NR${"AK-"}${upper(27)}`],
  ["Grafana token", `gl${"sa_"}${letters(32)}_${hex(8)}`],
  ["RubyGems key", `ruby${"gems_"}${hex(48)}`],
  ["crates.io token", `ci${"o"}${letters(32)}`],
  ["Sentry token", `sntr${"yu_"}${hex(64)}`],
  ["Supabase token", `sb${"p_"}${hex(40)}`],
  ["age key", `AGE-SECRET${"-KEY-1"}${letters(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")}`],
  ["private key", `PuTTY-User-Key${"-File-3: "}ssh-ed25519\nEncryption: none\nPublic-Lines: 2\n${letters(64)}\n`],
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
  ["the name of a setting for a key", `aws_${"secret"}_access_key = process.env.AWS_SECRET_ACCESS_KEY_OF_STAGE`],
  ["a commit id after a word", `key-${hex(40)}`],
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
  it("names every kind with its article", () => {
    const kinds = new Set([...SECRET_TEXTS.map(([kind]) => kind), "environment file", "credential store"]);
    const withAn = [...kinds].filter((kind) => withArticle(kind) === `an ${kind}`).sort();
    assert.deepEqual(withAn, [
      ...["API key", "AWS key id", "AWS secret key", "Atlassian token", "Azure storage key"],
      ...["age key", "environment file", "npm token"],
    ]);
    for (const kind of kinds) if (!withAn.includes(kind)) assert.equal(withArticle(kind), `a ${kind}`);
  });

  it("is done with any text in time that grows with its length", () => {
    const pieces = fc.constantFrom(
      ...[
        "-----BEGIN ",
        "PRIVATE KEY",
        "-----",
        "ey" + "J",
        ".",
        "gh" + "p_",
        "sk" + "-",
        "a1B2",
        "-",
        "_",
        "aws_",
        "ecret",
        " ",
        "=",
      ],
      ...[
        "AK" + "IA",
        "hooks.slack.com",
        "/services/",
        "xoxb-",
        ":AA",
        "123456789",
        ".atlasv1.",
        "_authToken",
        "\n",
        "x",
        "'",
      ],
    );
    const repeated = fc.tuple(fc.array(pieces, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 20_000 }));
    // A search that tries each beginning of a run again would need minutes for some of these; the runner's limit ends it.
    fc.assert(
      fc.property(repeated, fc.constantFrom(".npmrc", "a.ts"), ([words, count], path) => {
        const text = words
          .join("")
          .repeat(count)
          .slice(0, 512 * 1024);
        const found = secretInText(path, text);
        assert.ok(found === undefined || found.line >= 1);
      }),
      { numRuns: 200 },
    );
  });
  for (const [name, text, path = "code.ts"] of ORDINARY_TEXTS) {
    it(`does not take for one: ${name}`, () => assert.equal(secretInText(path, `first\n${text}\n`), undefined));
  }
});
