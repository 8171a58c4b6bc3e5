// Tells whether the computer runs on battery, as each system says it; knows nothing of what is done about it.
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** PowerShell takes about a second to start; whoever needs longer has other worries, milliseconds. */
const TIMEOUT_MS = 10_000;

/** Where Linux tells about mains and batteries. */
const LINUX_SUPPLIES = "/sys/class/power_supply";

/** What is asked; replaced in tests. */
export interface PowerSource {
  platform: NodeJS.Platform;
  /** Folder with one folder for each power supply (Linux). */
  suppliesDir: string;
  /** Runs a program by its absolute path. @returns Its standard output. */
  run(program: string, args: string[]): Promise<string>;
}

const THIS_MACHINE: PowerSource = {
  platform: process.platform,
  suppliesDir: LINUX_SUPPLIES,
  run: async (program, args) => {
    const { stdout } = await promisify(execFile)(program, args, { timeout: TIMEOUT_MS, windowsHide: true });
    return stdout;
  },
};

/** @returns True only if the system says that it runs on battery; a question that fails counts as mains. */
export async function onBattery(source: PowerSource = THIS_MACHINE): Promise<boolean> {
  try {
    if (source.platform === "linux") return await linuxOnBattery(source.suppliesDir);
    if (source.platform === "darwin") return await macOnBattery(source);
    if (source.platform === "win32") return await windowsOnBattery(source);
    return false;
  } catch {
    // No such file or program: a machine that cannot tell is treated like one without a battery.
    return false;
  }
}

/**
 * A battery that is emptied while no mains adapter is connected. The names of the folders differ by maker (AC, ADP1,
 * ACAD, BAT0, CMB1 …), so each is asked for its type. Batteries of mice and headsets have the scope `Device`.
 */
async function linuxOnBattery(suppliesDir: string): Promise<boolean> {
  let emptied = false;
  for (const name of await readdir(suppliesDir)) {
    const tell = (what: string) => firstLine(join(suppliesDir, name, what));
    const type = await tell("type");
    if (type === "Battery") {
      const own = (await tell("scope")) !== "Device";
      emptied ||= own && (await tell("status")) === "Discharging";
    } else if ((await tell("online")) === "1") {
      return false;
    }
  }
  return emptied;
}

async function firstLine(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n", 1)[0]?.trim() ?? "";
}

async function macOnBattery({ run }: PowerSource): Promise<boolean> {
  const text = await run("/usr/bin/pmset", ["-g", "batt"]);
  return text.includes("'Battery Power'");
}

async function windowsOnBattery({ run }: PowerSource): Promise<boolean> {
  const windows = process.env.SystemRoot ?? "C:\\Windows";
  // By its absolute path: otherwise a file of this name in the current folder would be run.
  const program = `${windows}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`;
  const script =
    "Add-Type -AssemblyName System.Windows.Forms; [System.Windows.Forms.SystemInformation]::PowerStatus.PowerLineStatus";
  const text = await run(program, ["-NoProfile", "-NonInteractive", "-Command", script]);
  return text.trim() === "Offline";
}
