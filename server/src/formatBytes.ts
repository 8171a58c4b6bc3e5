// Says a number of bytes for people; the one way the server does.

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
