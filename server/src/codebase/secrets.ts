// Decides by name and by content which files hold secrets and therefore are never read into a prompt; reads no files itself.

/** Folders that hold nothing but credentials. */
const SECRET_FOLDERS = new Set([".ssh", ".gnupg", ".password-store"]);

/** Credential files whose bare name says too little. */
const SECRET_PATHS =
  /(?:^|\/)(?:\.aws\/credentials|\.docker\/config\.json|\.kube\/config|\.cargo\/credentials(?:\.toml)?)$/;

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
]);

const NAME_RULES: { kind: string; pattern: RegExp }[] = [
  { kind: "environment file", pattern: /^\.env|\.env$/ },
  { kind: "private key", pattern: /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?!.*\.pub$)|\.(?:key|ppk|p8)$/ },
  { kind: "certificate or key store", pattern: /\.(?:pem|crt|cer|der|p12|pfx|p7b|csr|jks|keystore|truststore)$/ },
  { kind: "credential store", pattern: /\.(?:kdbx?|keychain|keychain-db|gpg|tfvars|tfstate|tfstate\.backup)$/ },
  { kind: "credential store", pattern: /^(?:client_?secrets?|service[-_]?account)[\w.-]*\.json$/ },
  { kind: "credential store", pattern: /^\.?secrets?\.(?:ya?ml|json|toml|ini|properties|xml|txt|conf)$/ },
];

/** Package-manager settings that may hold a token; an `${VARIABLE}` in its place is no secret. */
const REGISTRY_SETTINGS = new Set([".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"]);
const REGISTRY_TOKEN =
  /(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent)["']?[ \t]{0,4}[=:][ \t]{0,4}(?!["']?\$)\S/;

/** Characters after a private key's first line in which its body must begin; header lines may stand between. */
const KEY_BODY_WINDOW_CHARS = 400;
const KEY_HEADER = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
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

/** Formats as the services publish them for secret scanners. */
const TOKEN_RULES: TokenRule[] = [
  { kind: "AWS key id", contains: "AKIA", pattern: /(?<![\w-])AKIA[A-Z0-9]{16}(?!\w)/g },
  { kind: "AWS key id", contains: "ASIA", pattern: /(?<![\w-])ASIA[A-Z0-9]{16}(?!\w)/g },
  { kind: "GitHub token", contains: "gh", pattern: /(?<![\w-])gh[pousr]_[A-Za-z0-9]{36,255}/g },
  { kind: "GitHub token", contains: "github_pat_", pattern: /(?<![\w-])github_pat_[A-Za-z0-9_]{40,255}/g },
  { kind: "GitLab token", contains: "gl", pattern: /(?<![\w-])gl(?:pat|dt|rt|ptt|cbt|soat)-[\w-]{20,255}/g },
  { kind: "Slack token", contains: "xox", pattern: /(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{20,255}/g },
  { kind: "Slack token", contains: "xapp-", pattern: /(?<![\w-])xapp-\d-[A-Za-z0-9-]{20,255}/g },
  { kind: "API key", contains: "sk-", pattern: /(?<![\w-])sk-[\w-]{32,255}/g, mixed: true },
  { kind: "Stripe key", contains: "k_live_", pattern: /(?<![\w-])[sr]k_live_[A-Za-z0-9]{20,255}/g },
  { kind: "Google API key", contains: "AIza", pattern: /(?<![\w-])AIza[\w-]{35}(?![\w-])/g },
  { kind: "npm token", contains: "npm_", pattern: /(?<![\w-])npm_[A-Za-z0-9]{36}(?!\w)/g },
  { kind: "PyPI token", contains: "pypi-", pattern: /(?<![\w-])pypi-[\w-]{60,1000}/g },
  { kind: "Hugging Face token", contains: "hf_", pattern: /(?<![\w-])hf_[A-Za-z0-9]{34}(?!\w)/g, mixed: true },
  { kind: "SendGrid key", contains: "SG.", pattern: /(?<![\w-])SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g },
  { kind: "Azure storage key", contains: "AccountKey=", pattern: /AccountKey=[A-Za-z0-9+/]{86}==/g },
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

/** A header alone is what code that reads keys contains; a secret is a header with a body. */
function privateKey(text: string): number | undefined {
  if (!text.includes("PRIVATE KEY")) return undefined;
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
