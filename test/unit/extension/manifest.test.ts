// Tests that package.json and the code name the same commands and settings, in both directions.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { COMMAND_IDS } from "../../../extension/src/commandIds.ts";
import { MILESTONES, milestoneKey } from "../../../extension/src/milestones.ts";
import { withTexts } from "../../../l10n.ts";
import { DEFAULT_SETTINGS, parseSettings } from "../../../server/src/protocol/settings.ts";

interface Property {
  type: string;
  default: unknown;
  scope: string;
  minimum?: number;
  maximum?: number;
  enum?: string[];
  enumDescriptions?: string[];
  markdownDescription?: string;
}

const root = new URL("../../../", import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, root), "utf8"));
const manifest = withTexts(readJson("package.json"), readJson("package.nls.json"));
const groups: { title: string; properties: Record<string, Property> }[] = manifest.contributes.configuration;
const properties: Record<string, Property> = Object.assign({}, ...groups.map((group) => group.properties));

describe("manifest", () => {
  it("contributes exactly the commands of the table", () => {
    const contributed = manifest.contributes.commands.map((command: { command: string }) => command.command);
    assert.deepEqual([...contributed].sort(), [...COMMAND_IDS].sort());
  });

  it("uses known commands only in menus and keys", () => {
    const menus = Object.values(manifest.contributes.menus).flat() as { command: string }[];
    const known = new Set<string>(COMMAND_IDS);
    for (const { command } of [...menus, ...manifest.contributes.keybindings]) assert.ok(known.has(command), command);
  });

  it("contributes exactly the settings, with their defaults", () => {
    const expected = Object.entries(DEFAULT_SETTINGS).flatMap(([group, values]) =>
      Object.entries(values).map(([key, value]) => [`fathom.${group}.${key}`, value]),
    );
    const contributed = Object.entries(properties).map(([key, property]) => [key, property.default]);
    assert.deepEqual(Object.fromEntries(contributed), Object.fromEntries(expected));
    assert.ok(contributed.length > 0);
  });

  for (const [key, property] of Object.entries(properties)) {
    it(`${key}: the parser takes what the manifest allows, and nothing beyond`, () => {
      const allowed = property.enum ?? [property.default, property.minimum, property.maximum];
      for (const value of allowed) if (value !== undefined) assert.deepEqual(problemsOf(key, value), []);
      const outside = [
        ...(property.enum ? ["something else"] : []),
        ...(property.minimum === undefined ? [] : [property.minimum - 1]),
        ...(property.maximum === undefined ? [] : [property.maximum + 1]),
        property.type === "string" ? 7 : "text",
      ];
      for (const value of outside) assert.equal(problemsOf(key, value).length, 1, `${key} = ${value}`);
    });

    it(`${key}: is described, and its type is the default's`, () => {
      assert.ok((property.markdownDescription ?? "").length > 20);
      assert.equal(property.enum?.length, property.enumDescriptions?.length);
      const type = property.type === "integer" ? "number" : property.type;
      assert.equal(Array.isArray(property.default) ? "array" : typeof property.default, type);
    });
  }

  it("puts each setting into the group that its name says", () => {
    for (const { title, properties: own } of groups) {
      for (const key of Object.keys(own)) assert.ok(key.startsWith(`fathom.${title.toLowerCase()}.`), key);
    }
  });

  it("has a walkthrough whose pictures are there and whose links run commands of ours", () => {
    const [walkthrough] = manifest.contributes.walkthroughs;
    assert.ok(walkthrough.steps.length >= 5);
    for (const { description, media } of walkthrough.steps) {
      const drawing = readFileSync(new URL(media.svg.replace("dist/", ""), root), "utf8");
      // The page that shows it runs no styles, neither here nor in an attribute: colours stand in attributes of their own.
      assert.doesNotMatch(drawing, /<style|style=|class=/, media.svg);
      assert.ok(media.altText.length > 10);
      const commands = [...description.matchAll(/command:([\w.]+)/g)].map((match) => match[1]);
      assert.ok(commands.length > 0 && commands.every((id) => (COMMAND_IDS as readonly string[]).includes(id)));
      // VS Code renders links and bold letters there, and keys have other names on other systems.
      assert.doesNotMatch(`${description} ${drawing}`, /`|Ctrl|Cmd/, media.svg);
    }
  });

  it("calls a step of the walkthrough done when something was done, not when it was only begun", () => {
    const [walkthrough] = manifest.contributes.walkthroughs;
    const events = walkthrough.steps.flatMap(
      (step: { completionEvents: string[] }) => step.completionEvents,
    ) as string[];
    const valuesOf = (kind: string) =>
      events.filter((event) => event.startsWith(kind)).map((event) => event.slice(kind.length));
    assert.deepEqual(valuesOf("onContext:"), MILESTONES.map(milestoneKey));
    assert.deepEqual(
      valuesOf("onCommand:").filter((id) => !id.startsWith("editor.action.inlineSuggest.")),
      ["fathom.showContextMap", "fathom.acceptEdit"],
    );
  });

  it("takes no key that types a character somewhere, and works only where it can", () => {
    const [menuItem] = manifest.contributes.menus["editor/context"];
    for (const { key, mac, when } of manifest.contributes.keybindings) {
      // AltGr is Ctrl+Alt on Windows, Option types characters on a Mac.
      assert.doesNotMatch(`${key} ${mac}`, /alt/);
      assert.ok(when.endsWith(menuItem.when), when);
    }
  });

  it("has an icon for the gallery", () => {
    assert.ok(existsSync(new URL(manifest.icon.replace("dist/", ""), root)));
  });

  it("lets no workspace choose a file of the machine", () => {
    for (const key of ["fathom.model.path", "fathom.model.mmproj"]) assert.equal(properties[key]?.scope, "machine");
  });
});

function problemsOf(key: string, value: unknown): string[] {
  const [, group, name] = key.split(".");
  return parseSettings({ [group ?? ""]: { [name ?? ""]: value } }).problems;
}
