// Decides by name and by content which files hold secrets and therefore are never read into a prompt; reads no files itself.

/** Folders that hold nothing but credentials. */
const SECRET_FOLDERS = new Set([".ssh", ".gnupg", ".password-store", ".azure"]);

/** Credential files whose bare name says too little. */
const SECRET_PATHS =
  /(?:^|\/)(?:\.aws\/credentials|\.docker\/config\.json|\.kube\/config|\.cargo\/credentials(?:\.toml)?|\.config\/gh\/hosts\.yml|\.gem\/credentials)$/;

/** Names of files that tools keep credentials in, lower case. */
const CREDENTIAL_STORES = new Set([
  ".netrc",
  "_netrc",
  ".pypirc",
  ".git-credentials",
  ".htpasswd",
  ".pgpass",
  ".my.cnf",
  ".dockercfg",
  ".boto",
  ".s3cfg",
  ".terraformrc",
  ".vault-token",
  ".vault_pass",
  ".credentials",
  "credentials",
  "credentials.json",
  "credentials.yml.enc",
  "kubeconfig",
  "master.key",
  "wallet.dat",
  "login.keychain",
  "application_default_credentials.json",
  "secring.gpg",
  "sftp-config.json",
  ".ftpconfig",
  ".remote-sync.json",
  "recentservers.xml",
  "wp-config.php",
  "key.properties",
  ".dbeaver-data-sources.xml",
  ".bash_history",
  ".zsh_history",
  ".sh_history",
  ".psql_history",
  ".mysql_history",
  ".rediscli_history",
  ".node_repl_history",
  ".python_history",
  ".irb_history",
]);

const NAME_RULES: { kind: string; pattern: RegExp }[] = [
  { kind: "environment file", pattern: /^\.env|\.env$/ },
  { kind: "private key", pattern: /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?!.*\.pub$)|\.(?:key|ppk|p8|ovpn)$/ },
  {
    kind: "certificate or key store",
    pattern: /\.(?:pem|crt|cer|der|p12|pkcs12|pfx|p7b|p7c|csr|jks|bks|keystore|truststore)$/,
  },
  {
    kind: "credential store",
    pattern:
      /\.(?:kdbx?|keychain|keychain-db|agilekeychain|gpg|tfvars|tfvars\.json|tfstate|tfstate\.backup|dockercfg)$/,
  },
  { kind: "credential store", pattern: /^(?:client_?secrets?|service[-_]?account)[\w.-]*\.json$/ },
  { kind: "credential store", pattern: /^\.?secrets?\.(?:ya?ml|json|toml|ini|properties|xml|txt|conf)$/ },
];

/** Package-manager settings that may hold a token; an `${VARIABLE}` in its place is no secret. */
const REGISTRY_SETTINGS = new Set([".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"]);
const REGISTRY_TOKEN =
  /(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent)["']?[ \t]{0,4}[=:][ \t]{0,4}(?!["']?\$)\S/;

/** Characters after a private key's first line in which its body must begin; header lines may stand between. */
const KEY_BODY_WINDOW_CHARS = 400;
const KEY_HEADER =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d: |---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----/g;
const KEY_HEADER_WORDS = ["PRIVATE KEY", "PuTTY-User-Key-File"];
const KEY_BODY = /[A-Za-z0-9+/=]{40}/;

interface TokenRule {
  kind: string;
  /** Text that every match contains: most files are done after a search for it. */
  contains: string;
  /** Begins with a look-behind, so that a long run of token characters is tried once only: linear time. */
  pattern: RegExp;
  /** Also ask for digits and both cases, where ordinary hyphenated words would match too. */
  mixed?: true;
}

/** A token of a fixed beginning, in the look-behind that makes the search linear. */
function token(kind: string, contains: string, rest: RegExp): TokenRule {
  const start = contains.replace(/[.$]/g, "\\$&");
  return { kind, contains, pattern: new RegExp(`(?<![\\w-])${start}${rest.source}(?![\\w-])`, "g") };
}

/** Formats as the services publish them for secret scanners. */
const TOKEN_RULES: TokenRule[] = [
  token("AWS key id", "AKIA", /[A-Z0-9]{16}/),
  token("AWS key id", "ASIA", /[A-Z0-9]{16}/),
  token("AWS key id", "ABIA", /[A-Z0-9]{16}/),
  token("AWS key id", "ACCA", /[A-Z0-9]{16}/),
  {
    kind: "AWS secret key",
    contains: "ecret",
    pattern:
      /(?<!\w)aws_?(?:secret)_?(?:access)?_?key(?:_id)?["']?[ \t]{0,4}[=:]{1,2}>?[ \t]{0,4}["']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/gi,
    mixed: true,
  },
  { kind: "GitHub token", contains: "gh", pattern: /(?<![\w-])gh[pousr]_[A-Za-z0-9]{36,255}/g },
  { kind: "GitHub token", contains: "github_pat_", pattern: /(?<![\w-])github_pat_[A-Za-z0-9_]{40,255}/g },
  {
    kind: "GitLab token",
    contains: "gl",
    pattern: /(?<![\w-])gl(?:pat|dt|rt|ptt|cbt|soat|oas|agent|imt|ft|ffct)-[\w-]{20,255}/g,
  },
  { kind: "Slack token", contains: "xox", pattern: /(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{20,255}/g },
  { kind: "Slack token", contains: "xapp-", pattern: /(?<![\w-])xapp-\d-[A-Za-z0-9-]{20,255}/g },
  {
    kind: "Slack web hook",
    contains: "hooks.slack.com",
    pattern: /hooks\.slack\.com\/(?:services|workflows|triggers)\/[\w/+]{30,100}/g,
    mixed: true,
  },
  { kind: "API key", contains: "sk-", pattern: /(?<![\w-])sk-[\w-]{32,255}/g, mixed: true },
  { kind: "Stripe key", contains: "k_live_", pattern: /(?<![\w-])[sr]k_live_[A-Za-z0-9]{20,255}/g },
  token("Stripe key", "whsec_", /[A-Za-z0-9+/]{32,64}/),
  { kind: "Google API key", contains: "AIza", pattern: /(?<![\w-])AIza[\w-]{35}(?![\w-])/g },
  token("Google client secret", "GOCSPX-", /[\w-]{28}/),
  { kind: "Google access token", contains: "ya29.", pattern: /(?<![\w-])ya29\.[\w-]{40,1000}/g, mixed: true },
  { kind: "npm token", contains: "npm_", pattern: /(?<![\w-])npm_[A-Za-z0-9]{36}(?!\w)/g },
  { kind: "PyPI token", contains: "pypi-", pattern: /(?<![\w-])pypi-[\w-]{60,1000}/g },
  { kind: "Hugging Face token", contains: "hf_", pattern: /(?<![\w-])hf_[A-Za-z0-9]{34}(?!\w)/g, mixed: true },
  { kind: "SendGrid key", contains: "SG.", pattern: /(?<![\w-])SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g },
  { kind: "Azure storage key", contains: "AccountKey=", pattern: /AccountKey=[A-Za-z0-9+/]{86}==/g },
  token("DigitalOcean token", "dop_v1_", /[a-f0-9]{64}/),
  token("DigitalOcean token", "doo_v1_", /[a-f0-9]{64}/),
  token("Shopify token", "shpat_", /[a-fA-F0-9]{32}/),
  token("Shopify token", "shpss_", /[a-fA-F0-9]{32}/),
  token("Square token", "sq0atp-", /[\w-]{22}/),
  token("Square token", "sq0csp-", /[\w-]{43}/),
  token("Mailgun key", "key-", /[a-f0-9]{32}/),
  token("Twilio key", "SK", /[a-f0-9]{32}/),
  { kind: "Telegram token", contains: ":AA", pattern: /(?<!\w)\d{8,10}:AA[\w-]{33}(?![\w-])/g },
  { kind: "Vault token", contains: "hvs.", pattern: /(?<![\w-])hvs\.[\w-]{90,300}/g },
  { kind: "Terraform token", contains: ".atlasv1.", pattern: /(?<!\w)[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}/g },
  token("Databricks token", "dapi", /[a-f0-9]{32}(?:-\d)?/),
  token("Doppler token", "dp.pt.", /[A-Za-z0-9]{43}/),
  token("Docker token", "dckr_pat_", /[\w-]{27,64}/),
  token("Atlassian token", "ATATT3", /[\w=-]{100,300}/),
  token("Linear key", "lin_api_", /[A-Za-z0-9]{40}/),
  token("Postman key", "PMAK-", /[a-f0-9]{24}-[a-f0-9]{34}/),
  token("PlanetScale token", "pscale_tkn_", /[\w=.-]{32,64}/),
  token("Pulumi token", "pul-", /[a-f0-9]{40}/),
  token("New Relic key", "NRAK-", /[A-Z0-9]{27}/),
  token("Grafana token", "glsa_", /[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}/),
  token("RubyGems key", "rubygems_", /[a-f0-9]{48}/),
  token("crates.io token", "cio", /[A-Za-z0-9]{32}/),
  token("Sentry token", "sntryu_", /[a-f0-9]{64}/),
  token("Supabase token", "sbp_", /[a-f0-9]{40}/),
  token("age key", "AGE-SECRET-KEY-1", /[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}/),
  {
    kind: "JSON web token",
    contains: "eyJ",
    pattern: /(?<![\w.-])eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}/g,
  },
];

/** Tokens made up for documentation carry one of these words or repeat one character. */
const PLACEHOLDER = /example|xxxxx|(.)\1{9}/i;

/**
 * @param path Path with forward slashes; folders end with a slash.
 * @returns What kind of secret the name stands for, or undefined.
 */
export function secretByName(path: string): string | undefined {
  const segments = path.toLowerCase().split("/");
  const name = segments.pop() ?? "";
  if (segments.some((segment) => SECRET_FOLDERS.has(segment))) return "credential store";
  if (CREDENTIAL_STORES.has(name) || SECRET_PATHS.test(path.toLowerCase())) return "credential store";
  return NAME_RULES.find((rule) => rule.pattern.test(name))?.kind;
}

/**
 * Looks for private keys and for tokens in the published formats of common services. A password without such a format
 * cannot be told from other text and is not found.
 * @param path Path with forward slashes.
 * @param text The whole text, lines ending with LF.
 * @returns What was found and its line, counted from 1; undefined: nothing.
 */
export function secretInText(path: string, text: string): { kind: string; line: number } | undefined {
  const key = privateKey(text);
  if (key !== undefined) return { kind: "private key", line: lineAt(text, key) };
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const registryToken = REGISTRY_SETTINGS.has(name) ? REGISTRY_TOKEN.exec(text) : null;
  if (registryToken !== null) return { kind: "registry token", line: lineAt(text, registryToken.index) };
  for (const rule of TOKEN_RULES) {
    if (!text.includes(rule.contains)) continue;
    for (const match of text.matchAll(rule.pattern)) {
      if (looksReal(match[0], rule)) return { kind: rule.kind, line: lineAt(text, match.index) };
    }
  }
  return undefined;
}

/** @returns The kind of a secret with "a" or "an", by its sound: npm is spelt out. */
export function withArticle(kind: string): string {
  return `${/^(?:[aeiou]|npm)/i.test(kind) ? "an" : "a"} ${kind}`;
}

/** A header alone is what code that reads keys contains; a secret is a header with a body. */
function privateKey(text: string): number | undefined {
  if (!KEY_HEADER_WORDS.some((words) => text.includes(words))) return undefined;
  for (const header of text.matchAll(KEY_HEADER)) {
    const end = header.index + header[0].length;
    if (KEY_BODY.test(text.slice(end, end + KEY_BODY_WINDOW_CHARS))) return header.index;
  }
  return undefined;
}

function looksReal(token: string, rule: TokenRule): boolean {
  if (PLACEHOLDER.test(token)) return false;
  return rule.mixed === undefined || (/[0-9]/.test(token) && /[a-z]/.test(token) && /[A-Z]/.test(token));
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
