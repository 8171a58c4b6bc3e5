// Tests which reason holds reading, when the engine is told, and who overrides what.
import assert from "node:assert/strict";
import {
  BATTERY_POLL_MS,
  BackgroundGate,
  type BackgroundGateOptions,
  TYPING_MS,
} from "../../../server/src/codebase/backgroundGate.ts";
import type { Status } from "../../../server/src/protocol/messages.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

function gateWith(options: { gpu?: string; pauseOnBattery?: boolean; loaded?: boolean } = {}) {
  const { gpu = "CPU", pauseOnBattery = true, loaded = true } = options;
  const clock = new FakeClock();
  const told: boolean[] = [];
  const power = { battery: false, asked: 0 };
  const active = { info: { gpu } };
  const session = { active: loaded ? active : undefined };
  const status = {
    current: { state: "ready", message: "", engineRestarts: 0 } as Status,
    update(change: Partial<Status>) {
      this.current = { ...this.current, ...change };
    },
  };
  const gate = new BackgroundGate({
    engine: {
      holdBackground: async (hold) => {
        told.push(hold);
      },
    },
    session: session as BackgroundGateOptions["session"],
    settings: { current: { ...DEFAULT_SETTINGS, context: { ...DEFAULT_SETTINGS.context, pauseOnBattery } } },
    status,
    onBattery: async () => {
      power.asked += 1;
      return power.battery;
    },
    clock,
  });
  const load = () => {
    session.active = active;
    gate.modelLoaded();
  };
  return { gate, clock, told, power, status, load };
}

describe("BackgroundGate", () => {
  it("holds while the user pauses, and tells the engine once", async () => {
    const { gate, told, status } = gateWith();
    gate.pause(true);
    gate.pause(true);
    assert.equal(status.current.hold, "user");
    gate.pause(false);
    assert.equal(status.current.hold, undefined);
    assert.deepEqual(told, [true, false]);
  });

  it("names the strongest reason: user, then battery, then typing", async () => {
    const { gate, clock, power, status, told } = gateWith();
    const end = gate.enter(false);
    power.battery = true;
    gate.typed();
    assert.equal(status.current.hold, "typing");
    await clock.pass(BATTERY_POLL_MS);
    gate.typed();
    assert.equal(status.current.hold, "battery");
    gate.pause(true);
    assert.equal(status.current.hold, "user");
    gate.pause(false);
    assert.equal(status.current.hold, "battery");
    power.battery = false;
    await clock.pass(BATTERY_POLL_MS);
    assert.equal(status.current.hold, undefined);
    // Typing and battery followed each other with a pause between; the change of reasons alone told nothing.
    assert.deepEqual(told, [true, false, true, false]);
    end();
  });

  it("lets reading go on two seconds after the last change", async () => {
    const { gate, clock, status } = gateWith();
    gate.typed();
    // Nothing waits yet, so there is nothing to show.
    assert.equal(status.current.hold, undefined);
    gate.enter(false);
    await clock.pass(TYPING_MS - 1);
    gate.typed();
    await clock.pass(TYPING_MS - 1);
    assert.equal(status.current.hold, "typing");
    await clock.pass(1);
    assert.equal(status.current.hold, undefined);
  });

  it("lets a graphics card read while the user types", () => {
    const { gate, told } = gateWith({ gpu: "vulkan (33 layers)" });
    gate.typed();
    assert.equal(gate.hold, undefined);
    assert.deepEqual(told, []);
  });

  it("asks about the battery only while something is read", async () => {
    const { gate, clock, power } = gateWith();
    await clock.pass(5 * BATTERY_POLL_MS);
    assert.equal(power.asked, 0);
    const end = gate.enter(false);
    await clock.pass(2 * BATTERY_POLL_MS);
    assert.equal(power.asked, 3);
    end();
    await clock.pass(5 * BATTERY_POLL_MS);
    assert.equal(power.asked, 3);
  });

  it("forgets the battery when nothing is read any more", async () => {
    const { gate, clock, power, status } = gateWith();
    power.battery = true;
    const end = gate.enter(false);
    await clock.settle();
    assert.equal(status.current.hold, "battery");
    end();
    assert.equal(status.current.hold, undefined);
  });

  it("reads on battery when the user asks for it or the setting says so, never against a pause", async () => {
    const { gate, clock, power, status } = gateWith();
    power.battery = true;
    const end = gate.enter(true);
    await clock.settle();
    assert.equal(status.current.hold, undefined);
    gate.pause(true);
    assert.equal(status.current.hold, "user");
    end();
    const other = gateWith({ pauseOnBattery: false });
    other.power.battery = true;
    other.gate.enter(false);
    await other.clock.settle();
    assert.equal(other.status.current.hold, undefined);
    assert.equal(await other.gate.mayStart(), true);
    assert.equal(await gate.mayStart(), false);
  });

  it("tells an engine that was not there yet, and again after a restart", () => {
    const { gate, told, load } = gateWith({ loaded: false });
    gate.pause(true);
    assert.deepEqual(told, []);
    load();
    load();
    assert.deepEqual(told, [true, true]);
  });
});
