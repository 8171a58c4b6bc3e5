// Live search over the codebase in a quick pick; finds nothing itself.
import { CancellationTokenSource, l10n, type QuickPick, type QuickPickItem, window } from "vscode";
import { type Place, SearchRequest } from "../../server/src/protocol/messages.ts";
import type { ServerConnection } from "./client.ts";
import { describeFailure, isCancelled } from "./failures.ts";
import type { Log } from "./log.ts";
import { inBackground } from "./notices.ts";
import { PlacePreview } from "./placePreview.ts";
import { openPlace, placeLabel } from "./places.ts";
import { searchTitle } from "./statusText.ts";

/** Milliseconds without a keystroke before the server is asked; short enough to feel live. */
const DEBOUNCE_MS = 120;
const MAX_PLACES = 40;

interface PlaceItem extends QuickPickItem {
  place?: Place;
}

/** Opens the quick pick; moving through the rows previews their places, choosing one opens it, Escape brings back what was. */
export function searchCodebase(server: ServerConnection, log: Log): void {
  const picker = window.createQuickPick<PlaceItem>();
  const preview = new PlacePreview(log);
  let isChosen = false;
  const choose = (item: PlaceItem | undefined) => {
    const place = item?.place;
    if (place === undefined) return;
    isChosen = true;
    const kept = preview.keep();
    picker.hide();
    inBackground(
      log,
      kept.then(() => openPlace(place)),
    );
  };
  // Enter right after typing means the first of the rows that are on their way, not the row of the text before.
  let isAwaited = false;
  const search = new LiveSearch(server, picker, log, (items) => {
    if (isAwaited) choose(items[0]);
    isAwaited = false;
  });
  const showTitle = () => {
    picker.title = searchTitle(server.status.index);
  };
  showTitle();
  const statusListener = server.onStatus(showTitle);
  picker.placeholder = l10n.t("Symbol, words or a question; path:, lang: and symbol: narrow it down");
  picker.onDidChangeValue((query) => search.changed(query.trim()));
  // New rows make the first of them active, which is no move of the user's: editors must not flicker while typing.
  let hasMoved = false;
  picker.onDidChangeValue(() => {
    hasMoved = false;
    isAwaited = false;
  });
  picker.onDidChangeActive(([item]) => {
    hasMoved ||= item !== undefined && item !== picker.items[0];
    if (hasMoved && item?.place !== undefined) preview.show(item.place);
  });
  picker.onDidAccept(() => {
    if (picker.busy) isAwaited = true;
    else choose(picker.selectedItems[0]);
  });
  picker.onDidHide(() => {
    search.stop();
    statusListener.dispose();
    picker.dispose();
    if (!isChosen) preview.restore();
  });
  picker.show();
}

/** The newest query wins: the one before is cancelled, and a late answer to it is dropped. */
class LiveSearch {
  readonly #server: ServerConnection;
  readonly #picker: QuickPick<PlaceItem>;
  readonly #log: Log;
  readonly #onRows: (items: readonly PlaceItem[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: CancellationTokenSource | undefined;

  constructor(
    server: ServerConnection,
    picker: QuickPick<PlaceItem>,
    log: Log,
    onRows: (items: readonly PlaceItem[]) => void,
  ) {
    this.#server = server;
    this.#picker = picker;
    this.#log = log;
    this.#onRows = onRows;
  }

  changed(query: string): void {
    this.stop();
    this.#picker.busy = query !== "";
    if (query === "") this.#picker.items = [];
    else this.#timer = setTimeout(() => void this.#run(query), DEBOUNCE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#running?.cancel();
    this.#running = undefined;
  }

  async #run(query: string): Promise<void> {
    const running = new CancellationTokenSource();
    this.#running = running;
    const items = await this.#items(query, running);
    running.dispose();
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#picker.busy = false;
    this.#picker.items = items;
    this.#onRows(items);
  }

  /** @returns Rows, or the one row that says why there are none. */
  async #items(query: string, { token }: CancellationTokenSource): Promise<PlaceItem[]> {
    try {
      const places = await this.#server.request(SearchRequest.type, { query, limit: MAX_PLACES }, token);
      if (places.length > 0) return places.map(placeItem);
      const isEmpty = this.#server.status.index?.totalFiles === 0;
      const label = isEmpty ? l10n.t("Nothing to search: this workspace has no files") : l10n.t("Nothing found");
      return [{ label, alwaysShow: true }];
    } catch (error) {
      if (isCancelled(error)) return [];
      const { message } = describeFailure(error);
      this.#log.warn(message);
      return [{ label: `$(error) ${message}`, alwaysShow: true }];
    }
  }
}

function placeItem(place: Place): PlaceItem {
  const label = placeLabel(place);
  return {
    label: place.symbol ? `$(symbol-method) ${place.symbol}` : `$(file) ${label}`,
    ...(place.symbol ? { description: label } : {}),
    detail: place.reason,
    // The server has matched already; VS Code must not filter its rows away.
    alwaysShow: true,
    place,
  };
}
