// A small disk for tests: a tmpfs of a few megabytes that can be filled, made read-only and taken away.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), "fathom-disk-"));

  /** @param bytes What it holds. @throws Error a sentence if this system does not let the test mount anything. */
  constructor(bytes: number) {
    try {
      asRoot("mount", "-t", "tmpfs", "-o", `size=${bytes},mode=0777`, "tmpfs", this.folder);
    } catch (error) {
      rmdirSync(this.folder);
      const wanted = "This test mounts a small disk: run it on Linux as root, or with sudo that asks for no password";
      throw new Error(`${wanted}. ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }

  /** Only while no file on it is open for writing. */
  makeReadOnly(): void {
    asRoot("mount", "-o", "remount,ro", this.folder);
  }

  /** @param bytes At least what is on it. */
  resize(bytes: number): void {
    asRoot("mount", "-o", `remount,size=${bytes}`, this.folder);
  }

  release(): void {
    // At once for everyone, later for whoever still has a file of it open.
    asRoot("umount", "--lazy", this.folder);
    rmdirSync(this.folder);
  }
}

function asRoot(command: string, ...args: string[]): void {
  const isRoot = process.getuid?.() === 0;
  execFileSync(isRoot ? command : "sudo", isRoot ? args : ["-n", command, ...args], { stdio: "pipe" });
}
