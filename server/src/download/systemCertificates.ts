// Lets downloads trust whom the operating system trusts, as browsers and VS Code do; knows nothing of addresses.
import * as tls from "node:tls";

let isDone = false;

/**
 * A company's proxy signs with a certificate that the system alone knows. Called before the first request and not at the
 * start, because looking through the system's store takes a moment. Node before 22.19 has its own list only, and what
 * NODE_EXTRA_CA_CERTS names.
 */
export function trustSystemCertificates(): void {
  if (isDone || tls.setDefaultCACertificates === undefined) return;
  isDone = true;
  const trusted = [...tls.getCACertificates("default"), ...tls.getCACertificates("system")];
  tls.setDefaultCACertificates([...new Set(trusted)]);
}
