// Puts the context of completions together from the parts of the server: one place that knows all sources.
import type { Clock } from "../../codebase/clock.ts";
import type { Workspace } from "../../codebase/workspace.ts";
import type { Documents } from "../../documents.ts";
import type { IndexService } from "../../index/indexService.ts";
import type { SyntaxService } from "../../syntax/syntaxService.ts";
import { CompletionContext, type CompletionContextOptions } from "./completionContext.ts";
import { type AskForDefinitions, EditorDefinitions, IndexedDefinitions } from "./definitions.ts";
import { Outlines } from "./excerpts.ts";
import { FileTexts } from "./fileTexts.ts";
import { Imports } from "./imports.ts";
import { Neighbours } from "./neighbours.ts";
import { RecentEdits } from "./recentEdits.ts";
import { SearchHits } from "./searchHits.ts";
import { SimilarWindows } from "./similar.ts";
import { ViewedRanges } from "./viewedRanges.ts";

export interface ContextParts extends Pick<CompletionContextOptions, "countTokens" | "log"> {
  documents: Pick<Documents, "get" | "all" | "onEdit">;
  workspace: Pick<Workspace, "files" | "fileOf" | "placeOf" | "search">;
  index: Pick<IndexService, "named" | "imported">;
  /** With outlines. */
  syntax: Pick<SyntaxService, "analyse">;
  clock: Clock;
  /** Absent for clients that do not answer. */
  askForDefinitions?: AskForDefinitions;
}

export interface CompletionContextParts {
  context: CompletionContext;
  edits: RecentEdits;
  views: ViewedRanges;
}

/** Listens to the edits of the documents from now on. */
export function createContext(parts: ContextParts): CompletionContextParts {
  const { documents, workspace, index, syntax, clock, askForDefinitions: ask } = parts;
  const outlines = new Outlines((files, signal) => syntax.analyse(files, signal));
  const edits = new RecentEdits(clock);
  const views = new ViewedRanges(clock);
  documents.onEdit((edit) => {
    edits.edited(edit);
    views.edited(edit);
  });
  const context = new CompletionContext({
    ...parts,
    texts: new FileTexts({ documents, workspace }),
    updateWorkspace: (signal) => workspace.files(signal),
    sources: [
      new Imports(index, outlines),
      new Neighbours(workspace, outlines),
      ...(ask === undefined ? [] : [new EditorDefinitions(ask, outlines)]),
      new IndexedDefinitions(index, outlines),
      new SimilarWindows(documents),
      new SearchHits(workspace),
      views,
      edits,
    ],
  });
  return { context, edits, views };
}
