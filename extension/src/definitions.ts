// Answers the server's question where names are defined, from the language features of the editor; reads no text.
import type { CancellationToken, Location, LocationLink, Position, Uri } from "vscode";
import type { DefinitionPlace, DefinitionsParams } from "../../server/src/protocol/contextMessages.ts";

/** What the server may ask for at once; each name costs its language server two answers. */
const MAX_POSITIONS = 8;
/** Of one name: overloads and declarations of many files are no help. */
const MAX_PLACES_EACH = 3;
const COMMANDS = ["vscode.executeDefinitionProvider", "vscode.executeTypeDefinitionProvider"];

/** The parts of the editor that are used. */
export interface DefinitionLookup {
  execute: (command: string, uri: Uri, position: Position) => PromiseLike<unknown>;
  uri: (text: string) => Uri;
  position: (line: number, character: number) => Position;
}

/**
 * @returns Where the names and their types are defined, each place once; what fails for one name is missing for it alone.
 *   Empty when the server takes its question back.
 */
export async function findDefinitions(
  { uri, positions }: DefinitionsParams,
  token: Pick<CancellationToken, "isCancellationRequested">,
  lookup: DefinitionLookup,
): Promise<DefinitionPlace[]> {
  const document = lookup.uri(uri);
  const found = await Promise.all(
    positions.slice(0, MAX_POSITIONS).map(async ({ line, character }, position) => {
      const at = lookup.position(line, character);
      const answers = await Promise.all(COMMANDS.map((command) => answerOf(lookup.execute(command, document, at))));
      const places = distinct(answers.flatMap((answer) => placesIn(answer, position)));
      return places.slice(0, MAX_PLACES_EACH);
    }),
  );
  return token.isCancellationRequested ? [] : distinct(found.flat());
}

/** Without a provider for its language, or with one that fails, a name is simply not found. */
async function answerOf(asked: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await asked;
  } catch {
    return [];
  }
}

function placesIn(answer: unknown, position: number): DefinitionPlace[] {
  const places = (Array.isArray(answer) ? answer : []) as (Location | LocationLink)[];
  return places.map((place) => {
    const [uri, range] = "targetUri" in place ? [place.targetUri, place.targetRange] : [place.uri, place.range];
    const { start, end } = range;
    return {
      position,
      uri: uri.toString(),
      range: {
        start: { line: start.line, character: start.character },
        end: { line: end.line, character: end.character },
      },
    };
  });
}

function distinct(places: readonly DefinitionPlace[]): DefinitionPlace[] {
  const byKey = new Map<string, DefinitionPlace>();
  for (const place of places) {
    const key = `${place.uri}:${place.range.start.line}`;
    if (!byKey.has(key)) byKey.set(key, place);
  }
  return [...byKey.values()];
}
