// Messages by which a client helps to find what goes into a completion's prompt besides the file; pure types and constants.
import { NotificationType, type Position, type Range, RequestType } from "vscode-languageserver-protocol";

export interface DefinitionsParams {
  uri: string;
  positions: Position[];
}

/** Where something is defined; its text is read by the server, under the server's rules. */
export interface DefinitionPlace {
  /** Which of the positions asked for, by its number in the list. */
  position: number;
  uri: string;
  /** The whole definition, or its name alone. */
  range: Range;
}

/**
 * Server → client: where the names at these positions, and their types, are defined, by the editor's own language
 * features. Only to clients that announce `definitions` in their initialization options.
 */
export const DefinitionsRequest = {
  type: new RequestType<DefinitionsParams, DefinitionPlace[], void>("fathom/definitions"),
};

export interface ViewedParams {
  uri: string;
  ranges: Range[];
}

/** Client → server: these lines have been in sight for a second without moving. */
export const ViewedNotification = {
  type: new NotificationType<ViewedParams>("fathom/viewed"),
};
