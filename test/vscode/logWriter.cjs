// Writes VS Code's log files in place of its native writer (@vscode/spdlog), which would need a compiler and 40 seconds.
const { appendFileSync, mkdirSync } = require("node:fs");
const { dirname } = require("node:path");

const LEVELS = ["trace", "debug", "info", "warning", "error", "critical", "off"];

/** The part of the native writer's class that VS Code calls; nothing is rotated, since a test is over soon. */
class Logger {
  #file;
  #level = LEVELS.indexOf("info");
  #isBare = false;

  constructor(file) {
    this.#file = file;
  }

  setLevel(level) {
    this.#level = level;
  }

  getLevel() {
    return this.#level;
  }

  setPattern() {
    this.#isBare = false;
  }

  clearFormatters() {
    this.#isBare = true;
  }

  /** At once, so that a test that reads the file sees all there is. */
  write(level, message) {
    if (level < this.#level) return;
    const time = new Date().toISOString().replace("T", " ").replace("Z", "");
    appendFileSync(this.#file, this.#isBare ? message : `${time} [${LEVELS[level]}] ${message}\n`);
  }

  flush() {}

  drop() {}
}

for (const [level, name] of LEVELS.slice(0, -1).entries()) {
  Logger.prototype[name === "warning" ? "warn" : name] = function (message) {
    this.write(level, message);
  };
}

function createLogger(_name, file) {
  mkdirSync(dirname(file), { recursive: true });
  return Promise.resolve(new Logger(file));
}

exports.version = "test";
exports.Logger = Logger;
exports.setLevel = () => {};
exports.setFlushOn = () => {};
exports.createRotatingLogger = createLogger;
exports.createAsyncRotatingLogger = createLogger;
