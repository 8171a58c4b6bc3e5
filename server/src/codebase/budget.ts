// Says how many tokens the base may take and why: the one place of that arithmetic; knows numbers only.
import { CONTEXT_STEP_TOKENS, explainFit, type FitPlan, fitsMemory } from "../models/fit.ts";

/** Room kept after the base for changes, question and answer: a quarter of the context, within these bounds, tokens. */
const RESERVE_SHARE = 0.25;
const MIN_RESERVE_TOKENS = 2048;
const MAX_RESERVE_TOKENS = 32_768;

const SECONDS_PER_MINUTE = 60;
/** Speeds are reckoned with one decimal, so that the product that people see is the one that counts. */
const SPEED_STEPS_PER_TOKEN = 10;

export interface BudgetFacts {
  /** The context as it is loaded, tokens. */
  contextTokens: number;
  /** The longest context that the model was trained for, tokens. */
  trainedContextTokens: number;
  /** The setting context.maxTokens; 0: no limit of its own. */
  settingMaxTokens: number;
  /** The setting context.maxMinutes: how long the user wants to wait for a reading from the start, minutes. */
  maxMinutes: number;
  /**
   * Prefill speed, tokens per second; 0: not known yet, then patience sets no limit. It is `Engine.prefillSpeed()`: the
   * mean over a reading. Reading slows down with length (attention looks back over all that is there), so the mean over a
   * short reading or a probe promises too much for a long base, and the mean over the longest reading is close for a base
   * like it and a little low for a shorter one.
   */
  tokensPerSecond: number;
  /** The memory plan that the model was loaded with. */
  fit: FitPlan;
}

export interface BaseBudget {
  /** Most tokens that the base may have. */
  baseTokens: number;
  /** Kept free after it. */
  reserveTokens: number;
  /** What sets the limit. */
  limit: "memory" | "window" | "patience" | "setting";
  /** The arithmetic for people, one step each; the last one is the result. */
  sentences: string[];
}

/**
 * Plans the base: what fits the context after the reserve, or what can be read in the user's minutes, whichever is less.
 * @param facts Numbers below zero and not-a-number count as 0.
 * @returns `baseTokens` never exceeds the context without the reserve, and never falls when a fact grows (except that a
 *   speed or a setting of 0 means no limit).
 */
export function planBase(facts: BudgetFacts): BaseBudget {
  const trained = natural(facts.trainedContextTokens);
  const setting = natural(facts.settingMaxTokens);
  const minutes = natural(facts.maxMinutes);
  const speed = roundedSpeed(facts.tokensPerSecond);
  const contextTokens = Math.min(
    natural(facts.contextTokens),
    trained,
    setting === 0 ? Number.POSITIVE_INFINITY : setting,
  );
  const reserveTokens = reserveOf(contextTokens);
  const roomTokens = contextTokens - reserveTokens;
  const patienceTokens = speed === 0 ? Number.POSITIVE_INFINITY : patience(minutes, speed);
  const baseTokens = Math.min(roomTokens, patienceTokens);
  const limit = patienceTokens < roomTokens ? "patience" : contextLimit(contextTokens, trained, setting);
  const sentences = [
    `Window: the model was trained for ${tokens(trained)}.`,
    ...(setting === 0 ? [] : [`Setting: context.maxTokens allows ${tokens(setting)}.`]),
    memorySentence(facts.fit, contextTokens),
    speed === 0
      ? `Patience: the reading speed is not known yet, so the ${minutes} minutes of context.maxMinutes set no limit.`
      : `Patience: ${minutes} minutes × ${speed.toLocaleString("en")} tokens a second = ${tokens(patienceTokens)}.`,
    `Kept free for changes, question and answer: ${tokens(reserveTokens)}.`,
    `So the base may take ${tokens(baseTokens)}; ${LIMITS[limit]} what limits it.`,
  ];
  return { baseTokens, reserveTokens, limit, sentences };
}

const LIMITS: Record<BaseBudget["limit"], string> = {
  memory: "memory is",
  window: "the model's window is",
  patience: "patience (the setting context.maxMinutes) is",
  setting: "the setting context.maxTokens is",
};

function reserveOf(contextTokens: number): number {
  const share = Math.floor(contextTokens * RESERVE_SHARE);
  return Math.min(contextTokens, MAX_RESERVE_TOKENS, Math.max(MIN_RESERVE_TOKENS, share));
}

function patience(minutes: number, tokensPerSecond: number): number {
  const perMinute = Math.round(tokensPerSecond * SPEED_STEPS_PER_TOKEN) * (SECONDS_PER_MINUTE / SPEED_STEPS_PER_TOKEN);
  return minutes * perMinute;
}

/** What made the context as long as it is; contexts are loaded in whole steps, so a wish is met a little below it. */
function contextLimit(contextTokens: number, trained: number, setting: number): BaseBudget["limit"] {
  const wish = setting === 0 ? trained : Math.min(setting, trained);
  if (contextTokens + CONTEXT_STEP_TOKENS <= wish) return "memory";
  return wish < trained ? "setting" : "window";
}

function memorySentence(fit: FitPlan, contextTokens: number): string {
  const verdict = fitsMemory(fit) ? "fit" : "may not fit";
  const sum = explainFit(fit).join("; ");
  const loaded = contextTokens === fit.contextTokens ? "" : ` Loaded are ${tokens(contextTokens)}.`;
  return `Memory: ${tokens(fit.contextTokens)} ${verdict} (${sum}).${loaded}`;
}

/** A speed that is known is never rounded to 0, which would mean that it is not. */
function roundedSpeed(tokensPerSecond: number): number {
  if (!(tokensPerSecond > 0) || !Number.isFinite(tokensPerSecond)) return 0;
  return Math.max(1, Math.floor(tokensPerSecond * SPEED_STEPS_PER_TOKEN)) / SPEED_STEPS_PER_TOKEN;
}

function natural(value: number): number {
  return value > 0 && Number.isFinite(value) ? Math.floor(value) : 0;
}

function tokens(count: number): string {
  return `${count.toLocaleString("en")} tokens`;
}
