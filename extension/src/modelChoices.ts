// Words and checks for choosing a model: rows, the host a download connects to, projector files; pure, no VS Code.
import * as l10n from "@vscode/l10n";
import type { ModelChoice } from "../../server/src/protocol/messages.ts";
import { size } from "./statusText.ts";

export interface ModelRow {
  label: string;
  description: string;
  detail: string;
}

/**
 * One row of the list of models. The list is 600 pixels wide and cuts off the rest: beside the name stands whether it fits,
 * below it size and licence, then the advice. Icons are the ids of VS Code's own icon set.
 */
export function modelRow(choice: ModelChoice): ModelRow {
  const icon = choice.selected ? "$(check) " : choice.installed ? "$(package) " : "$(cloud-download) ";
  const state = choice.selected
    ? l10n.t("in use")
    : choice.installed
      ? l10n.t("installed")
      : size(choice.downloadBytes);
  const detail = [state, choice.licence, choice.detail].filter((text) => text !== "").join(" · ");
  const fit = choice.recommended ? l10n.t("recommended · {0}", choice.fit) : choice.fit;
  return { label: icon + choice.title, description: fit, detail };
}

/**
 * The host that a download connects to, as it is shown to the user and sent back as consent.
 * @returns Undefined if the source is not an https address; then nothing can be downloaded.
 */
export function hostOf(choice: ModelChoice): string | undefined {
  if (choice.source === undefined || !URL.canParse(choice.source)) return undefined;
  const url = new URL(choice.source);
  return url.protocol === "https:" ? url.host : undefined;
}

/** File names that look like a projector for images (`mmproj-….gguf`), in alphabetical order. */
export function projectorNames(names: readonly string[], modelName: string): string[] {
  return names.filter((name) => name !== modelName && /mmproj.*\.gguf$/i.test(name)).sort();
}
