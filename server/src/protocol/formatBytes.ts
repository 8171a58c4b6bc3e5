// Says a number of bytes for people, the one way everywhere: server, command line, extension and webviews.

const KIB = 1024;
const MIB = KIB ** 2;
const GIB = KIB ** 3;

/** A number of bytes for people, in binary units: `2.54 GiB`, `497 MiB`, `12 bytes`. */
export function formatBytes(bytes: number): string {
  if (bytes >= GIB) return `${(bytes / GIB).toFixed(2)} GiB`;
  if (bytes >= 10 * MIB) return `${Math.round(bytes / MIB)} MiB`;
  if (bytes >= MIB) return `${(bytes / MIB).toFixed(1)} MiB`;
  if (bytes >= KIB) return `${Math.round(bytes / KIB)} KiB`;
  return `${bytes} bytes`;
}

/** A quota in the unit of its setting, 10^9 bytes, so that both show the same number: `20 GB`. */
export function formatQuota(bytes: number): string {
  return `${bytes / 1e9} GB`;
}
