// Tests what each system's answer means, and that no answer means mains.
import assert from "node:assert/strict";
import { onBattery, type PowerSource } from "../../../server/src/codebase/power.ts";
import { type Tree, withTree } from "./tempTree.ts";

const supply = (name: string, values: Record<string, string>): Tree =>
  Object.fromEntries(Object.entries(values).map(([file, value]) => [`${name}/${file}`, `${value}\n`]));

const LINUX: [name: string, tree: Tree, expected: boolean][] = [
  ["nothing at all", {}, false],
  ["a desktop's mains", supply("AC", { type: "Mains", online: "1" }), false],
  [
    "a laptop unplugged",
    {
      ...supply("ADP1", { type: "Mains", online: "0" }),
      ...supply("BAT0", { type: "Battery", status: "Discharging" }),
    },
    true,
  ],
  [
    "a laptop plugged in and full, whatever the adapter is called",
    { ...supply("ACAD", { type: "Mains", online: "1" }), ...supply("BAT1", { type: "Battery", status: "Full" }) },
    false,
  ],
  ["plugged in and held at 80 %", supply("BAT0", { type: "Battery", status: "Not charging" }), false],
  [
    "a weak adapter, so the battery helps",
    { ...supply("BAT0", { type: "Battery", status: "Discharging" }), ...supply("ucsi0", { type: "USB", online: "1" }) },
    false,
  ],
  [
    "a mouse's battery",
    supply("hid-1", { type: "Battery", scope: "Device", status: "Discharging", online: "1" }),
    false,
  ],
  [
    "the second battery",
    {
      ...supply("BAT0", { type: "Battery", status: "Unknown" }),
      ...supply("BAT1", { type: "Battery", scope: "System", status: "Discharging" }),
    },
    true,
  ],
];

const COMMANDS: [platform: NodeJS.Platform, answer: string, expected: boolean][] = [
  ["darwin", "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t81%; discharging; 4:02 remaining\n", true],
  ["darwin", "Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t100%; charged\n", false],
  ["win32", "Offline\r\n", true],
  ["win32", "Online\r\n", false],
  ["win32", "Unknown\r\n", false],
];

describe("power", () => {
  for (const [name, tree, expected] of LINUX) {
    it(`Linux: ${name}`, () =>
      withTree(tree, async (suppliesDir) => {
        assert.equal(await onBattery(source("linux", "", suppliesDir)), expected);
      }));
  }
  for (const [platform, answer, expected] of COMMANDS) {
    it(`${platform}: ${answer.slice(0, 32).trim()}`, async () => {
      assert.equal(await onBattery(source(platform, answer)), expected);
    });
  }

  it("runs programs by their absolute paths only", async () => {
    for (const platform of ["darwin", "win32"] as const) {
      const programs: string[] = [];
      const run = async (program: string) => {
        programs.push(program);
        return "";
      };
      await onBattery({ platform, suppliesDir: "", run });
      assert.match(programs.join(), /^(?:\/usr\/bin\/pmset|[A-Z]:\\\w+\\System32\\[\w\\.]+\.exe)$/i);
    }
  });

  it("takes no answer for mains", async () => {
    const run = () => Promise.reject(new Error("timed out"));
    for (const platform of ["darwin", "win32", "linux", "sunos"] as const) {
      assert.equal(await onBattery({ platform, suppliesDir: "/nowhere", run }), false);
    }
  });

  it("asks this machine without throwing", async () => assert.equal(typeof (await onBattery()), "boolean"));
});

function source(platform: NodeJS.Platform, answer: string, suppliesDir = ""): PowerSource {
  return { platform, suppliesDir, run: async () => answer };
}
