// Tests whose a mark is: of a process that runs, of one whose number was given again, of nobody.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { isOfAnother, ownMark } from "../../../server/src/processMark.ts";

describe("marks of processes", () => {
  it("tell one's own from another's", () => {
    assert.equal(isOfAnother(ownMark()), false);
    assert.equal(isOfAnother(String(process.ppid)), true);
  });

  for (const mark of ["", "0", "-1", "nonsense", "1.5", "999999999"]) {
    it(`"${mark}" is nobody's`, () => assert.equal(isOfAnother(mark), false));
  }

  const onLinux = process.platform === "linux" ? it : it.skip;
  onLinux("do not take a number that was given again for the same process", () => {
    const [, boot, start] = ownMark().split(" ");
    assert.equal(boot, readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    assert.match(start!, /^\d+$/);
    assert.equal(isOfAnother(`${process.ppid} ${boot} 1`), false);
    assert.equal(isOfAnother(`${process.ppid} 00000000-0000-0000-0000-000000000000 ${start}`), false);
  });

  onLinux("do not take a process for running that has ended and that its parent takes no note of", async () => {
    // The shell starts a process that lasts until the last pipe is closed, and becomes `cat`, which knows nothing of it:
    // a shell itself takes note of a process that ends before it has become another program.
    const script = "cat <&3 & echo $!; exec cat 3<&-";
    const parent = spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "ignore", "pipe"] });
    try {
      const [output] = (await once(parent.stdout!, "data")) as [Buffer];
      const pid = Number(output.toString());
      parent.stdin!.write("are you there?");
      await once(parent.stdout!, "data");
      assert.equal(isOfAnother(String(pid)), true);
      (parent.stdio[3] as Writable).end();
      while (!/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) await setImmediate();
      assert.equal(isOfAnother(String(pid)), false);
      assert.equal(isOfAnother(String(parent.pid)), true);
    } finally {
      parent.kill();
    }
  });
});
