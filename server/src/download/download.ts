// Downloads one file: consent, resume, verification and sentences for what goes wrong; knows nothing of models or of LSP.
import { open, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolder } from "../makeFolder.ts";
import type { FathomErrorCodes } from "../protocol/errors.ts";
import { formatBytes } from "../protocol/formatBytes.ts";
import { followMachineNetwork } from "./machineNetwork.ts";
import { codeOf, PartialFile } from "./partialFile.ts";

/** A model host answers with one redirect to its storage, a mirror perhaps with two. */
const MAX_REDIRECTS = 5;
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);
/** A busy or restarting host: worth asking again. */
const RETRY_STATUSES = new Set([408, 429, 500, 502, 503, 504]);
/** A host that knows no HEAD. */
const NO_HEAD_STATUSES = new Set([405, 501]);
/** Pauses before a broken connection is taken up again; each new best position starts over. Milliseconds. */
const RETRY_DELAYS_MS = [1000, 2000, 5000, 10_000, 20_000];
/** A connection that says nothing for so long is given up and taken up again. */
const STALL_MS = 60_000;
/** Progress is for people: no more often than this. */
const PROGRESS_INTERVAL_MS = 200;
const UNTRUSTED =
  "its certificate is not trusted here (a proxy of your network? NODE_EXTRA_CA_CERTS can name the file of its certificate)";
/** The system's and the runtime's codes for a broken connection, in words. */
const NETWORK_REASONS: Record<string, string> = {
  ECONNREFUSED: "it refused the connection",
  ECONNRESET: "it broke off",
  ENOTFOUND: "its name is not known (is the machine offline?)",
  EAI_AGAIN: "its name could not be looked up (is the machine offline?)",
  ETIMEDOUT: "it did not answer",
  UND_ERR_CONNECT_TIMEOUT: "it did not answer",
  UND_ERR_SOCKET: "it broke off",
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
};
/** Of a hash; enough to tell two apart, and the whole one would fill a notification. */
const SHOWN_DIGITS = 12;
/** Kept free on the disk beyond the file itself. */
const DISK_RESERVE_BYTES = 64 * 1024 ** 2;

export interface FileHash {
  algorithm: "sha256" | "sha512";
  /** The digest, hexadecimal. */
  hex: string;
}

export interface DownloadRequest {
  url: string;
  /** Where the finished file shall lie; until then it grows as `<file>.part`. */
  file: string;
  /** The host (with its port, if the address has one) that the user agreed to connect to. */
  consentToHost: string;
  /** Without it the hash that the host publishes with the file is taken. */
  expectedHash?: FileHash;
  onProgress?: (progress: { receivedBytes: number; totalBytes: number | undefined }) => void;
  signal?: AbortSignal;
  /** Pauses before each further try, milliseconds; none: the first broken connection ends the download. */
  retryDelaysMs?: readonly number[];
}

export type DownloadOutcome =
  | {
      kind: "complete";
      bytes: number;
      /** What the file was compared with. */
      checkedAgainst: "expectedHash" | "publishedHash" | "size" | "nothing";
      /** Bytes of an earlier try that did not have to be fetched again. */
      resumedFromBytes: number;
    }
  | { kind: "cancelled"; keptBytes: number };

export type DownloadProblem =
  | "noConsent"
  | "insecure"
  | "busy"
  | "unreachable"
  | "refused"
  | "changed"
  | "diskFull"
  | "disk"
  | "damaged";

/** A download that ended without its file. The message says what happened, what was kept and what to do. */
export class DownloadError extends Error {
  readonly code = "downloadFailed" satisfies keyof typeof FathomErrorCodes;
  readonly problem: DownloadProblem;
  constructor(problem: DownloadProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DownloadError";
    this.problem = problem;
  }
}

/**
 * Fetches a file, going on from what an earlier try left, checks it and puts it in its place.
 * Connects to nothing unless `consentToHost` is the address's host; follows redirects of that host, always encrypted
 * (except between hosts on this machine). Cancelling keeps what has arrived.
 * @returns The checked file, or `cancelled`.
 * @throws DownloadError when there is no consent, the host or the disk fails, or the file arrives damaged; a damaged
 *   file is set aside as `<file>.corrupt`, everything else that arrived is kept for the next try.
 */
export async function downloadFile(request: DownloadRequest): Promise<DownloadOutcome> {
  const url = consentedUrl(request);
  followMachine();
  const partial = new PartialFile(request.file);
  try {
    await makeFolder(dirname(partial.path));
    if (!(await partial.lock())) throw busy(partial);
  } catch (error) {
    throw await explain(error, url, partial);
  }
  try {
    return await fetchAndVerify(request, url, partial);
  } catch (error) {
    if (request.signal?.aborted) return { kind: "cancelled", keptBytes: await partial.size() };
    throw await explain(error, url, partial);
  } finally {
    await partial.unlock();
  }
}

function followMachine(): void {
  try {
    followMachineNetwork();
  } catch (error) {
    // Its value may hold a password.
    const sentence =
      "HTTPS_PROXY or HTTP_PROXY (in VS Code the setting http.proxy goes before them) does not hold a proxy's address. Nothing was fetched. Correct or remove it.";
    throw new DownloadError("unreachable", sentence, { cause: error });
  }
}

/** One download under way. */
interface Job {
  url: URL;
  partial: PartialFile;
  signal: AbortSignal;
  totalBytes: number | undefined;
  report: (receivedBytes: number) => void;
}

/** What the host says about the file before it is fetched. */
interface Remote {
  totalBytes?: number;
  publishedSha256?: string;
  /** Changes when the file changes; undefined when the host gives nothing to tell by. */
  identity?: string;
}

/** A failure that another try may get past. */
class ConnectionError extends Error {}

async function fetchAndVerify(request: DownloadRequest, url: URL, partial: PartialFile): Promise<DownloadOutcome> {
  const signal = request.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const delays = request.retryDelaysMs ?? RETRY_DELAYS_MS;
  const expected = request.expectedHash;
  const remote = await retrying(delays, signal, partial, () => askRemote(url, signal));
  const report = reporter(request, () => job.totalBytes);
  const job: Job = { url, partial, signal, totalBytes: remote.totalBytes, report };
  const resumedFromBytes = await partial.claim(expected?.hex.toLowerCase() ?? remote.identity, remote.totalBytes);
  report(resumedFromBytes);
  await retrying(delays, signal, partial, () => fetchRest(job));

  const bytes = await partial.size();
  report(bytes);
  if (job.totalBytes !== undefined && bytes !== job.totalBytes) {
    throw await setAside(partial, `it has ${bytes} bytes instead of ${job.totalBytes}`);
  }
  const wanted = expected ?? publishedHash(remote);
  if (wanted !== undefined) await verify(partial, wanted, signal);
  await partial.finish();
  const checkedAgainst = checkOf(expected, remote, job.totalBytes);
  return { kind: "complete", bytes, checkedAgainst, resumedFromBytes };
}

function publishedHash({ publishedSha256 }: Remote): FileHash | undefined {
  return publishedSha256 === undefined ? undefined : { algorithm: "sha256", hex: publishedSha256 };
}

/** Sets the file aside and throws when it is not the one that is wanted. */
async function verify(partial: PartialFile, { algorithm, hex }: FileHash, signal: AbortSignal): Promise<void> {
  const found = await partial.hash(algorithm, signal);
  if (found === hex.toLowerCase()) return;
  const name = algorithm === "sha256" ? "SHA-256" : "SHA-512";
  const beginning = (digest: string) => `${digest.slice(0, SHOWN_DIGITS)}…`;
  throw await setAside(partial, `its ${name} is ${beginning(found)} instead of ${beginning(hex.toLowerCase())}`);
}

function checkOf(expected: FileHash | undefined, remote: Remote, totalBytes: number | undefined) {
  if (expected !== undefined) return "expectedHash";
  if (remote.publishedSha256 !== undefined) return "publishedHash";
  return totalBytes === undefined ? "nothing" : "size";
}

function consentedUrl(request: DownloadRequest): URL {
  if (!URL.canParse(request.url)) {
    throw new DownloadError("insecure", `Nothing was fetched: "${request.url}" is not an address.`);
  }
  const url = new URL(request.url);
  if (request.consentToHost !== url.host) {
    const agreed = request.consentToHost === "" ? "no host was agreed to" : `you agreed to ${request.consentToHost}`;
    throw new DownloadError(
      "noConsent",
      `Nothing was fetched: the file comes from ${url.host}, but ${agreed}. Start the download again and check the host.`,
    );
  }
  assertSecure(url, url);
  return url;
}

function assertSecure(url: URL, origin: URL): void {
  if (url.protocol === "https:") return;
  if (url.protocol === "http:" && isOnThisMachine(url) && isOnThisMachine(origin)) return;
  throw new DownloadError(
    "insecure",
    `Nothing was fetched from ${url.protocol}//${url.host}: the connection would not be encrypted. Use an https address.`,
  );
}

function isOnThisMachine(url: URL): boolean {
  return url.hostname === "127.0.0.1" || url.hostname === "localhost";
}

/** Tries again after a broken connection while the pauses last; every new best position grants all of them again. */
async function retrying<T>(
  delays: readonly number[],
  signal: AbortSignal,
  partial: PartialFile,
  work: () => Promise<T>,
): Promise<T> {
  let best = await partial.size();
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !(error instanceof ConnectionError)) throw error;
      const size = await partial.size();
      if (size > best) failures = 0;
      best = Math.max(best, size);
      const delay = delays[failures];
      if (delay === undefined) throw error;
      await sleep(delay, undefined, { signal });
    }
  }
}

async function askRemote(url: URL, signal: AbortSignal): Promise<Remote> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(STALL_MS)]);
  const { response, linkedHash, linkedBytes } = await send(url, "HEAD", {}, patience);
  await response.body?.cancel();
  if (NO_HEAD_STATUSES.has(response.status)) return {};
  if (!response.ok && linkedHash === undefined) throw statusError(response, url);
  const etag = response.headers.get("etag");
  const publishedSha256 = linkedHash ?? sha256In(etag);
  const mark = etag ?? response.headers.get("last-modified");
  return {
    totalBytes: linkedBytes ?? (response.ok ? count(response.headers.get("content-length")) : undefined),
    publishedSha256,
    identity: publishedSha256 ?? (mark === null ? undefined : `${url.href} ${mark}`),
  };
}

/** Fetches what is missing of the partial file, or all of it when the host cannot send a part. */
async function fetchRest(job: Job): Promise<void> {
  const offset = await job.partial.size();
  if (offset > 0 && offset === job.totalBytes) return;
  const stall = new AbortController();
  const watch = setTimeout(() => stall.abort(new ConnectionError(`no data for ${STALL_MS / 1000} seconds`)), STALL_MS);
  try {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const { response } = await send(job.url, "GET", headers, AbortSignal.any([job.signal, stall.signal]));
    if (response.status === 416) {
      await response.body?.cancel();
      await job.partial.remove();
      throw new ConnectionError("the host does not have the part that is missing");
    }
    if (!response.ok || response.body === null) throw statusError(response, job.url);
    const from = startOf(response, offset);
    await prepareFor(job, totalOf(response), from);
    await append(job, response.body, from, () => watch.refresh());
  } finally {
    clearTimeout(watch);
  }
}

async function append(job: Job, body: AsyncIterable<Uint8Array>, from: number, onData: () => void): Promise<void> {
  const handle = await open(job.partial.path, from > 0 ? "a" : "w");
  let received = from;
  try {
    for await (const chunk of networkOnly(body)) {
      onData();
      await handle.appendFile(chunk);
      received += chunk.byteLength;
      // More than the whole file: enough to know that it is not the file.
      if (received > (job.totalBytes ?? received)) break;
      job.report(received);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (received < (job.totalBytes ?? received)) throw new ConnectionError("the connection ended early");
}

/** The same data; what it throws is marked as the network's fault, so that a full disk is never taken for that. */
async function* networkOnly(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw asConnectionError(error);
  }
}

/** One request with its redirects. A HEAD stops at a redirect that already says hash and size, as model hosts do. */
async function send(origin: URL, method: "HEAD" | "GET", headers: Record<string, string>, signal: AbortSignal) {
  let url = origin;
  let linkedHash: string | undefined;
  let linkedBytes: number | undefined;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await fetch(url, {
      method,
      // A compressed answer would have neither the size nor the ranges of the file.
      headers: { ...headers, "accept-encoding": "identity" },
      redirect: "manual",
      signal,
    }).catch((error: unknown) => {
      throw asConnectionError(error);
    });
    linkedHash ??= sha256In(response.headers.get("x-linked-etag"));
    linkedBytes ??= count(response.headers.get("x-linked-size"));
    const target = REDIRECT_STATUSES.has(response.status) ? response.headers.get("location") : null;
    const knowsAll = method === "HEAD" && linkedHash !== undefined && linkedBytes !== undefined;
    if (target === null || knowsAll) return { response, linkedHash, linkedBytes };
    await response.body?.cancel();
    url = new URL(target, url);
    assertSecure(url, origin);
  }
  throw new DownloadError(
    "refused",
    `${origin.host} redirected more than ${MAX_REDIRECTS} times; nothing was fetched.`,
  );
}

/** Where the answer begins in the file: at the offset when the host sends the part, at 0 when it sends everything. */
function startOf(response: Response, offset: number): number {
  if (response.status !== 206) return 0;
  const start = count(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]);
  if (start === offset || start === 0) return start;
  throw new ConnectionError("the host sent another part than it was asked for");
}

function totalOf(response: Response): number | undefined {
  if (response.status === 206) return count(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1]);
  return count(response.headers.get("content-length"));
}

/** Takes over or compares the size, and makes sure before the first byte that the disk has room for the rest. */
async function prepareFor(job: Job, totalBytes: number | undefined, from: number): Promise<void> {
  job.totalBytes ??= totalBytes;
  if (totalBytes !== undefined && totalBytes !== job.totalBytes) {
    await job.partial.remove();
    const name = basename(job.url.pathname);
    throw new DownloadError(
      "changed",
      `${name} changed on ${job.url.host} during the download; what had arrived was removed. Download it again.`,
    );
  }
  if (job.totalBytes === undefined) return;
  const disk = await statfs(dirname(job.partial.path));
  const freeBytes = disk.bavail * disk.bsize;
  const neededBytes = job.totalBytes - from + DISK_RESERVE_BYTES;
  if (freeBytes >= neededBytes) return;
  throw diskFull(job.partial, from, `${formatBytes(neededBytes)} are needed and ${formatBytes(freeBytes)} are free`);
}

function reporter(request: DownloadRequest, total: () => number | undefined): (receivedBytes: number) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (receivedBytes) => {
    const totalBytes = total();
    const now = performance.now();
    if (now - reportedAt < PROGRESS_INTERVAL_MS && receivedBytes !== totalBytes) return;
    reportedAt = now;
    request.onProgress?.({ receivedBytes, totalBytes });
  };
}

function busy(partial: PartialFile): DownloadError {
  return new DownloadError(
    "busy",
    `${basename(partial.path, ".part")} is already being downloaded. Wait for it; if no other window does it, delete ${partial.lockPath}.`,
  );
}

async function setAside(partial: PartialFile, reason: string): Promise<DownloadError> {
  await partial.setAside();
  return new DownloadError(
    "damaged",
    `${basename(partial.path, ".part")} arrived damaged: ${reason}. It is kept as ${partial.corruptPath} and not used. ` +
      "Download it again; if that ends the same way, the host has a bad file.",
  );
}

function statusError(response: Response, url: URL): Error {
  const status = `${response.status} ${response.statusText}`.trim();
  if (RETRY_STATUSES.has(response.status)) return new ConnectionError(`it answered ${status}`);
  return new DownloadError(
    "refused",
    `${url.host} did not send ${basename(url.pathname)}: it answered ${status}. What had arrived before is kept. ` +
      "The file may have moved or need an account; you can download it yourself and import it.",
  );
}

function diskFull(partial: PartialFile, keptBytes: number, detail: string): DownloadError {
  return new DownloadError(
    "diskFull",
    `There is no room in ${dirname(partial.path)}: ${detail}. ${kept(keptBytes)} Make room and start the download again.`,
  );
}

/** The sentence for whatever ended a download. */
async function explain(error: unknown, url: URL, partial: PartialFile): Promise<DownloadError> {
  if (error instanceof DownloadError) return error;
  const keptBytes = await partial.size().catch(() => 0);
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof ConnectionError) {
    return new DownloadError(
      "unreachable",
      `The connection to ${url.host} failed: ${reason}. ${kept(keptBytes)} Check the network and start the download again.`,
      { cause: error },
    );
  }
  const code = codeOf(error);
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(partial, keptBytes, "the disk is full");
  return new DownloadError(
    "disk",
    `${partial.path} could not be written or read: ${reason}. ${kept(keptBytes)} Check the folder and start the download again.`,
    { cause: error },
  );
}

function kept(bytes: number): string {
  return bytes > 0
    ? `${formatBytes(bytes)} have arrived and are kept; the next try goes on from there.`
    : "Nothing arrived.";
}

/** The runtime hides the network's reason one level down. */
function asConnectionError(error: unknown): unknown {
  const isOurs = error instanceof ConnectionError || error instanceof DownloadError;
  if (isOurs || (error instanceof Error && error.name === "AbortError")) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ConnectionError(NETWORK_REASONS[codeOf(cause) ?? ""] ?? message, { cause: error });
}

/** The hash in an ETag, when it is a SHA-256: 64 hex digits, perhaps in quotes. */
function sha256In(etag: string | null): string | undefined {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(etag ?? "")?.[1]?.toLowerCase();
}

function count(text: string | null | undefined): number | undefined {
  const number = text ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
