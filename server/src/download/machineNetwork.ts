// Lets downloads go as the machine is set up: trusted certificates and proxy; knows nothing of addresses.
import * as http from "node:http";
import * as tls from "node:tls";

/** No proxy can reach these for us, and browsers ask none for them either. */
const THIS_MACHINE = ["localhost", "127.0.0.1"];

let isDone = false;

/**
 * Trusts whom the operating system trusts, as browsers and VS Code do: a company's proxy signs with a certificate that the
 * system alone knows. Follows HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as other programs do, but never to this machine itself.
 * Called before the first request and not at the start, because looking through the system's store takes a moment.
 * Node before 22.19 (certificates) and 24.14 (proxy) has no way to do it; there NODE_EXTRA_CA_CERTS remains.
 * @throws Error if a variable holds no proxy's address.
 */
export function followMachineNetwork(): void {
  if (isDone) return;
  if (tls.setDefaultCACertificates !== undefined) {
    const trusted = [...tls.getCACertificates("default"), ...tls.getCACertificates("system")];
    tls.setDefaultCACertificates([...new Set(trusted)]);
  }
  http.setGlobalProxyFromEnv?.({ ...process.env, no_proxy: excepted(process.env) });
  isDone = true;
}

/** @returns The hosts that no proxy is asked for, as Node reads them: `*` stands for all, but only by itself. */
function excepted({ no_proxy, NO_PROXY }: NodeJS.ProcessEnv): string {
  const hosts = no_proxy ?? NO_PROXY ?? "";
  return hosts.trim() === "*" ? "*" : [hosts, ...THIS_MACHINE].join(",");
}
