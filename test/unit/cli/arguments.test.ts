// Tests of the command line's arguments: what is understood, what is refused and with which sentence, what the help says.
import assert from "node:assert/strict";
import { COMMANDS, helpText, parseArguments, UsageError, wantsJson } from "../../../server/src/cli/arguments.ts";

/** @param expected Command, arguments, and the options that differ from the defaults. */
function check(argv: string, expected: { command: string; arguments?: string[]; options?: Record<string, unknown> }) {
  const invocation = parseArguments(argv === "" ? [] : argv.split(" "));
  assert.ok(invocation !== "version");
  const given = Object.entries(invocation.options).filter(([, value]) => value !== undefined && value !== false);
  assert.deepEqual(
    { command: invocation.command, arguments: invocation.arguments, options: Object.fromEntries(given) },
    { arguments: [], options: {}, ...expected },
  );
}

function checkRefused(argv: string, message: RegExp, command?: string) {
  assert.throws(
    () => parseArguments(argv.split(" ")),
    (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, message);
      assert.equal(error.command, command);
      return true;
    },
  );
}

describe("cli arguments", () => {
  it("understands commands with their arguments and options", () => {
    check("", { command: "help" });
    check("help ask", { command: "help", arguments: ["ask"] });
    check("ask --help", { command: "help", arguments: ["ask"] });
    check("-h", { command: "help" });
    check("prefill src --force", { command: "prefill", arguments: ["src"], options: { force: true } });
    check("ask where is it --thinking", {
      command: "ask",
      arguments: ["where", "is", "it"],
      options: { thinking: true },
    });
    check("search a --limit 5", { command: "search", arguments: ["a"], options: { limit: 5 } });
    check("models get some-id --consent host.example", {
      command: "models",
      arguments: ["get", "some-id"],
      options: { consent: "host.example" },
    });
    check("map src --all", { command: "map", arguments: ["src"], options: { all: true } });
    check("snapshots remove abcd ef01 --yes", {
      command: "snapshots",
      arguments: ["remove", "abcd", "ef01"],
      options: { yes: true },
    });
    check("tour --question why", { command: "tour", options: { question: "why" } });
  });

  it("takes the options of every command before and after it", () => {
    const options = { json: true, model: "m.gguf", storage: "s", cpu: true, context: 4096, path: "p", verbose: true };
    check("--json --model m.gguf --storage s doctor --cpu --context 4096 --path p --verbose", {
      command: "doctor",
      options,
    });
  });

  it("takes what follows -- as arguments", () => {
    check("ask -- --json is what", { command: "ask", arguments: ["--json", "is", "what"] });
    check("ask -- --limit -1", { command: "ask", arguments: ["--limit", "-1"] });
    assert.equal(wantsJson(["ask", "--", "--json"]), false);
    assert.equal(wantsJson(["ask", "--json", "--nonsense"]), true);
  });

  it("prefers the version to everything", () => {
    assert.equal(parseArguments(["ask", "--version"]), "version");
  });

  it("refuses with a sentence", () => {
    checkRefused("bogus", /no command “bogus”/);
    checkRefused("toString", /no command “toString”/);
    checkRefused("ask", /argument is missing: fathom ask QUESTION/, "ask");
    checkRefused("prefill a b", /“b” is one argument too many/, "prefill");
    checkRefused("map a b", /“b” is one argument too many/, "map");
    checkRefused("map --yes", /“map” has no option --yes/, "map");
    checkRefused("ask hi --apply", /“ask” has no option --apply/, "ask");
    checkRefused("tour --contxt 3", /Unknown option '--contxt'\.$/);
    checkRefused("tour --model", /--model/);
    checkRefused("doctor --context many", /whole number from 0 to 1048576, not “many”/, "doctor");
    checkRefused("doctor --context 1.5", /whole number/, "doctor");
    checkRefused("doctor --context 1048577", /whole number/, "doctor");
    checkRefused("search a --limit 0", /whole number from 1 to 1000/, "search");
    checkRefused("search a --limit -1", /--limit takes a whole number from 1 to 1000, not “-1”\.$/, "search");
    checkRefused(
      "doctor --context -5 --json",
      /--context takes a whole number from 0 to 1048576, not “-5”\.$/,
      "doctor",
    );
    checkRefused("doctor --model -x", /^The value of --model is missing; one .* is written --model=VALUE\.$/);
    checkRefused("doctor --model=", /value of --model is empty/, "doctor");
  });

  it("refuses empty arguments, blanks included, before anything starts", () => {
    for (const argv of [
      ["ask", ""],
      ["search", " \t"],
      ["ask", "where", ""],
      ["prefill", ""],
      ["models", "use", " "],
    ]) {
      assert.throws(() => parseArguments(argv), { name: "UsageError", message: /^An argument is empty: fathom / });
    }
  });

  it("says for each command what --all means there", () => {
    const meanings = Object.entries(COMMANDS)
      .filter(([, { options }]) => (options as readonly string[]).includes("all"))
      .map(([name]) => /^ {2}--all +(.*)$/m.exec(helpText(name as keyof typeof COMMANDS))?.[1] ?? "");
    assert.equal(meanings.length, 3);
    assert.equal(new Set(meanings).size, 3);
    for (const meaning of meanings) assert.match(meaning, /^(Show|Remove) .*every/);
  });

  it("fits the help into 80 columns", () => {
    const texts = [helpText(), ...Object.keys(COMMANDS).map((name) => helpText(name as keyof typeof COMMANDS))];
    const long = texts.flatMap((text) => text.split("\n")).filter((line) => line.length > 80);
    assert.deepEqual(long, []);
  });

  it("says of the map that it reads a little", () => {
    const words = helpText("map").replace(/\s+/g, " ");
    assert.match(words, /at most 2,048 tokens that are missing in it are read/);
  });

  it("names every command in the help, and its options in its own", () => {
    const overview = helpText();
    for (const [name, { summary, options }] of Object.entries(COMMANDS)) {
      assert.ok(overview.includes(`  ${name} `) && overview.includes(summary), name);
      const help = helpText(name as keyof typeof COMMANDS);
      for (const option of [...options, "json", "context"])
        assert.ok(help.includes(`--${option}`), `${name} ${option}`);
    }
  });
});
